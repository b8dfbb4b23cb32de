"""Ids of `stemma tokenizer encode --tokenizer openai-gpt` against those of transformers with ftfy and spaCy.

    python3 -m venv build/peers-gpt1
    build/peers-gpt1/bin/pip install -r scripts/peers/requirements-gpt1.txt
    build/peers-gpt1/bin/python scripts/peers/compare_gpt1.py [--tokenizer gpt1] FILE...

The environment is its own: later versions of transformers have no OpenAIGPTTokenizer of this kind. Files may be
compressed (.gz, .xz) and are cut, at line ends, in documents of about 50 kB; --limit-mb takes so much of each.
`openai-gpt` is compared with tokenize(), `gpt1` with what it calls after lowering the text, which is what
OpenAI's own code does. Special tokens are off on both sides: "<unk>" in a text is text. Reads OpenAI's files in
$STEMMA_SHARED/tokenizers/gpt1 (default: ../shared beside the project).

Tokens of documents that differ are aligned by difflib. Prints the share of equal tokens and each kind of
difference with its count; exit 1 below --least (99.9 %).
"""

import argparse
import collections
import difflib
import gzip
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np

warnings.filterwarnings("ignore")
from transformers import OpenAIGPTTokenizer  # noqa: E402

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("STEMMA_SHARED", PROJECT.parent / "shared")) / "tokenizers/gpt1"
DOCUMENT_BYTES = 50_000


def read(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return data


def documents(data):
    """Pieces of about DOCUMENT_BYTES that end with a line, or with a character where lines are longer."""
    while data:
        end = data.find(b"\n", DOCUMENT_BYTES) + 1
        if end == 0 or end > 2 * DOCUMENT_BYTES:
            end = DOCUMENT_BYTES
            while end < len(data) and data[end] & 0xC0 == 0x80:
                end += 1
        yield data[:end]
        data = data[end:]


def our_ids(options, data):
    with tempfile.TemporaryDirectory() as folder:
        text, ids = pathlib.Path(folder, "text"), pathlib.Path(folder, "ids.npy")
        text.write_bytes(data)
        subprocess.run([options.stemma, "tokenizer", "encode", "--tokenizer", options.tokenizer, "--input", text,
                        "--output", ids], check=True, capture_output=True)
        return np.load(ids).tolist()


def their_ids(options, peer, data):
    text = data.decode("utf-8", "replace")
    if options.tokenizer == "gpt1":
        tokens = peer._tokenize(text)
    else:
        tokens = peer.tokenize(text, split_special_tokens=True)
    return peer.convert_tokens_to_ids(tokens)


def compared(peer, ours, theirs, kinds):
    """How many of their tokens have an equal one."""
    if ours == theirs:
        return len(theirs)
    names = [peer.convert_ids_to_tokens(ids) for ids in (ours, theirs)]
    equal = 0
    for what, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if what == "equal":
            equal += d - c
        else:
            kinds[" ".join(names[0][a:b])[:80], " ".join(names[1][c:d])[:80]] += 1
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--tokenizer", choices=["openai-gpt", "gpt1"], default="openai-gpt")
    parser.add_argument("--limit-mb", type=float, default=1e9, help="of each file")
    parser.add_argument("--least", type=float, default=99.9, help="per cent of equal tokens")
    parser.add_argument("--kinds", type=int, default=40, help="how many kinds of difference to print")
    parser.add_argument("--stemma", default=PROJECT / "build/release/src/cli/stemma")
    options = parser.parse_args()
    peer = OpenAIGPTTokenizer(SHARED / "encoder_bpe_40000.json", SHARED / "vocab_40000.bpe")
    kinds = collections.Counter()
    all_bytes = all_tokens = all_equal = all_documents = all_different = 0
    for path in options.files:
        total = equal = count = different = size = 0
        for data in documents(read(path)[:int(options.limit_mb * 1e6)]):
            ours, theirs = our_ids(options, data), their_ids(options, peer, data)
            count, size, total = count + 1, size + len(data), total + len(theirs)
            equal += compared(peer, ours, theirs, kinds)
            different += ours != theirs
        print(f"{path}: {equal} of {total} tokens equal, {different} of {count} documents differ", flush=True)
        all_bytes, all_tokens, all_equal = all_bytes + size, all_tokens + total, all_equal + equal
        all_documents, all_different = all_documents + count, all_different + different
    share = 100 * all_equal / max(all_tokens, 1)
    print(f"{options.tokenizer}: {share:.4f} % of {all_tokens} tokens equal ({all_bytes / 1e6:.1f} MB, "
          f"{all_different} of {all_documents} documents differ)")
    for (ours, theirs), count in kinds.most_common(options.kinds):
        print(f"{count:6} times ours {ours!r}, theirs {theirs!r}")
    sys.exit(share < options.least)


if __name__ == "__main__":
    main()
