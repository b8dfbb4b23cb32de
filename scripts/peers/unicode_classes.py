"""The classes of all characters as Stemma and its peers see them: letters and their parts, marks, numbers, white space.

    build/peers/bin/python scripts/peers/unicode_classes.py [--output docs/unicode_exceptions.txt]

Stemma's come from the tables that its build generated from ICU, the peers' from matching each class's pattern against
all characters at once. Prints where they disagree (a newer Unicode on one side has more letters): these characters are
left out of the random strings of compare_tokenizers.py.
"""

import argparse
import pathlib
import re

import tiktoken
import tokenizers

from peer_tokenizers import STEMMA

NAMES = ["other", "upper", "lower", "letter", "mark", "number", "space"]
PATTERNS = {"upper": r"[\p{Lu}\p{Lt}]", "lower": r"\p{Ll}", "letter": r"[\p{Lm}\p{Lo}]", "mark": r"\p{M}",
            "number": r"\p{N}", "space": r"\s"}
CHARACTERS = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)


def of_stemma(stemma=STEMMA):
    """Class number by code point."""
    source = (pathlib.Path(stemma).parents[1] / "text/unicode_tables.cc").read_text()
    block_of, blocks = source.split("kBlockOf[0x110000 / 256] = {")[1].split("const std::uint8_t kBlocks[][256] = {")
    numbers = [int(n) for n in re.findall(r"\d+", block_of)]
    rows = [[int(n) for n in re.findall(r"\d+", row)] for row in re.findall(r"\{([^}]*)\}", blocks.split("\n};")[0])]
    return [value for number in numbers for value in rows[number]]


def of_matches(matches):
    """Class number by code point; `matches`: class name -> string of the characters that have it."""
    classes = [0] * 0x110000
    for name, text in matches.items():
        for c in text:
            classes[ord(c)] = NAMES.index(name)
    return classes


def of_tiktoken():
    ranks = {bytes([b]): b for b in range(256)}
    found = {}
    for name, pattern in PATTERNS.items():  # what the pattern does not match gives no ids
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        found[name] = bytes(encoding.encode_ordinary(CHARACTERS)).decode()
    return of_matches(found)


def of_tokenizers():
    found = {}
    for name, pattern in PATTERNS.items():
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "removed", invert=True)
        found[name] = "".join(piece for piece, _ in split.pre_tokenize_str(CHARACTERS))
    return of_matches(found)


def disagreements(stemma=STEMMA):
    """(code point, Stemma's class, tiktoken's, tokenizers') where the three are not one."""
    sides = of_stemma(stemma), of_tiktoken(), of_tokenizers()
    return [(c, *(NAMES[side[c]] for side in sides)) for c in map(ord, CHARACTERS) if len({s[c] for s in sides}) > 1]


def ranges(found):
    """(first, last, classes) of neighbours that disagree alike."""
    result = []
    for c, *classes in found:
        if result and result[-1][1] == c - 1 and result[-1][2] == classes:
            result[-1][1] = c
        else:
            result.append([c, c, classes])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stemma", default=STEMMA)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    found = disagreements(options.stemma)
    lines = [f"# Characters that Stemma and its peers put into different classes: {len(found)}.",
             f"# tiktoken {tiktoken.__version__}, tokenizers {tokenizers.__version__}; made by scripts/peers/unicode_classes.py.",
             "# code points, Stemma, tiktoken, tokenizers"]
    for first, last, classes in ranges(found):
        lines.append(f"{first:04X}{'' if first == last else f'..{last:04X}'}\t" + "\t".join(classes))
    text = "\n".join(lines) + "\n"
    if options.output:
        options.output.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
