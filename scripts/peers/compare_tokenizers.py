"""Ids of `stemma tokenizer encode` against those of tiktoken, on texts and on random Unicode.

    build/peers/bin/python scripts/peers/compare_tokenizers.py [--strings N] [FILE...]

Files may be compressed (.gz, .xz). Reads the rank files and patterns in $STEMMA_SHARED/tokenizers (default:
../shared beside the project). Prints a line for each encoding; exit 1 where an id differs, with the place.
Characters that Python's Unicode does not know are left out of the random strings: newer ones may be letters
to one side only (docs/decisions.md).
"""

import argparse
import base64
import gzip
import json
import lzma
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import numpy as np
import tiktoken

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("STEMMA_SHARED", PROJECT.parent / "shared")) / "tokenizers"
RANKS = {"r50k_base": "r50k/r50k_base.tiktoken", "p50k_base": "p50k/p50k_base.tiktoken",
         "p50k_edit": "p50k/p50k_base.tiktoken", "cl100k_base": "cl100k/cl100k_base.tiktoken.xz",
         "o200k_base": "o200k/o200k_base.tiktoken.xz", "o200k_harmony": "o200k/o200k_base.tiktoken.xz"}


def read(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return data


def tiktoken_encoding(name):
    known = json.loads((SHARED / "encodings.json").read_text())[name]
    ranks = {}
    for line in read(SHARED / RANKS[name]).splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return tiktoken.Encoding(name, pat_str=known["pat_str"], mergeable_ranks=ranks,
                             special_tokens=known["special_tokens"])


def random_strings(count):
    """Letters with and without case, marks, numbers of many scripts, white space, signs, emoji, bidi."""
    draw = random.Random(1)
    known = [chr(c) for c in range(0x110000)
             if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    pool = (draw.sample(known, 20000) + [chr(c) for c in range(0x20, 0x7F)] * 60
            + [chr(c) for c in range(0x300, 0x370)] * 10 + [chr(c) for c in range(0x200B, 0x2070)] * 10
            + list("  \n\r\t''''///sStTdDmMlLrReEvV\u017f\u00a0\u2028") * 100)
    return "\n".join("".join(draw.choices(pool, k=draw.randrange(1, 25))) for _ in range(count))


def encoded(stemma, name, data):
    with tempfile.TemporaryDirectory() as folder:
        text, ids = pathlib.Path(folder, "text"), pathlib.Path(folder, "ids.npy")
        text.write_bytes(data)
        subprocess.run([stemma, "tokenizer", "encode", "--tokenizer", name, "--input", text,
                        "--output", ids], check=True, capture_output=True)
        return np.load(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--strings", type=int, default=100000, help="random strings (100000)")
    parser.add_argument("--stemma", default=PROJECT / "build/release/src/cli/stemma")
    options = parser.parse_args()
    texts = {"random Unicode": random_strings(options.strings)}
    for path in options.files:
        texts[str(path)] = read(path).decode("utf-8", "ignore")
    different = 0
    for name in RANKS:
        peer = tiktoken_encoding(name)
        total, ids = 0, 0
        for source, text in texts.items():
            data = text.encode()
            ours = encoded(options.stemma, name, data)
            theirs = np.array(peer.encode_ordinary(text), dtype=np.uint32)
            total, ids = total + len(data), ids + len(theirs)
            if len(ours) == len(theirs) and (ours == theirs).all():
                continue
            shorter = min(len(ours), len(theirs))
            at = int(np.argmax(np.append(ours[:shorter] != theirs[:shorter], True)))
            different += 1
            print(f"{name}: {source} differs from id {at} on, after "
                  f"{peer.decode_bytes(theirs[max(0, at - 4):at].tolist())!r}: ours "
                  f"{ours[at:at + 4].tolist()}, tiktoken's {theirs[at:at + 4].tolist()}")
        print(f"{name}: {ids} ids of {total / 1e6:.1f} MB in {len(texts)} texts compared")
    print("no difference" if different == 0 else f"{different} differences")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
