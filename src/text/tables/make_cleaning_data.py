"""Writes the tables of text/cleaning/fix_text.h that are no Unicode properties, as text that
generate_cleaning_tables.cc reads when Stemma is built.

    pip install ftfy==6.3.1
    python3 make_cleaning_data.py

html_entities.txt   a line an entity: its name, then its characters in hexadecimal. The names of
                    HTML5 with a semicolon (html.entities.html5 of Python), and in capitals those
                    that ftfy also accepts so.
mojibake.txt        a line a table: its kind, its name, then characters or ranges in hexadecimal.
                    "charset": bytes 80 to FF in the order in which charsets are tried;
                    "category": ftfy.badness.MOJIBAKE_CATEGORIES; "clue": ftfy.chardata.UTF8_CLUES.
"""

import pathlib
import re

from ftfy import badness, chardata

HERE = pathlib.Path(__file__).parent


def write_entities():
    with open(HERE / "html_entities.txt", "w") as out:
        texts = {entity[1:-1]: text for entity, text in chardata.HTML_ENTITIES.items()
                 if chardata.HTML_ENTITY_RE.fullmatch(entity)}
        for name, text in sorted(texts.items()):
            out.write(" ".join([name] + [f"{ord(c):X}" for c in text]) + "\n")


def ranges(members):
    """Sorted code points as "A" or "A-B", each run once."""
    runs = []
    for c in sorted(members):
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return [f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in runs]


def members_of(character_class):
    pattern = re.compile(f"[{character_class}]")
    return [c for c in range(0x110000) if pattern.match(chr(c))]


def write_mojibake():
    with open(HERE / "mojibake.txt", "w") as out:
        for name in chardata.CHARMAP_ENCODINGS:
            characters = bytes(range(0x80, 0x100)).decode(name)
            out.write(" ".join(["charset", name] + [f"{ord(c):X}" for c in characters]) + "\n")
        for kind, tables in (("category", badness.MOJIBAKE_CATEGORIES), ("clue", chardata.UTF8_CLUES)):
            for name, character_class in tables.items():
                out.write(" ".join([kind, name] + ranges(members_of(character_class))) + "\n")


write_entities()
write_mojibake()
