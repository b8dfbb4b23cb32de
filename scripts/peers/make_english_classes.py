"""Writes the ranges of src/text/tables/english_ranges.inc from spaCy's character classes.

    build/peers-gpt1/bin/python scripts/peers/make_english_classes.py > src/text/tables/english_ranges.inc

Each line is one range {first, last, step}. Last run with spaCy 3.8.18 and Python 3.11 (Unicode 14).
"""

import re

from spacy.lang import char_classes

CLASSES = {
    "kAlphaRanges": f"[{char_classes.ALPHA}]",
    "kLowerRanges": f"[{char_classes.ALPHA_LOWER}]",
    "kUpperRanges": f"[{char_classes.ALPHA_UPPER}]",
    "kIconRanges": f"[{char_classes.ICONS}]",
    "kDigitRanges": r"\d",
}


def ranges(pattern):
    has = re.compile(pattern).match
    left = [c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000 and has(chr(c))]
    while left:
        best = 1, 1
        for step in (1, 2):
            count = 1
            while count < len(left) and left[count] - left[count - 1] == step:
                count += 1
            best = max(best, (count, step), key=lambda found: found[0])
        count, step = best
        yield left[0], left[count - 1], step
        left = left[count:]


def main():
    print("// Made by scripts/peers/make_english_classes.py: characters above ASCII.")
    for name, pattern in CLASSES.items():
        print(f"constexpr Range {name}[] = {{")
        line = "   "
        for first, last, step in ranges(pattern):
            item = f" {{{first:#x}, {last:#x}, {step}}},"
            if len(line) + len(item) > 100:
                print(line)
                line = "   "
            line += item
        print(line)
        print("};")


if __name__ == "__main__":
    main()
