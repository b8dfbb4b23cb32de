#!/usr/bin/env python3
"""A small WordPiece vocabulary: vocab.txt with the special tokens, the characters and the most frequent words of a text.

Example: build/peers/bin/python scripts/peers/wordpiece_vocab.py --text bible.txt --output tokenizer
"""
import argparse
import collections
import pathlib
import re

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--vocab-size", type=int, default=1024)
    args = parser.parse_args()
    text = pathlib.Path(args.text).read_text().lower()
    letters = sorted(set(text) - set(" \n\t\r"))
    tokens = SPECIAL + letters + ["##" + letter for letter in letters if letter.isalnum()]
    words = collections.Counter(word for word in re.findall(r"[a-z]+", text) if len(word) > 1)
    tokens += [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0]))]
    tokens = tokens[:args.vocab_size]
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    main()
