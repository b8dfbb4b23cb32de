"""`stemma tokenizer train` against Hugging Face tokenizers' BpeTrainer: merges, seconds, memory.

    build/peers/bin/python scripts/peers/compare_trainer.py --vocab-size 32768 [--runs 3] FILE...

Files are plain text, UTF-8, also compressed (.gz, .xz). Both train on the same documents: the files are cut at
blank lines about every 64 kB, written to one file with <|endoftext|> lines between the documents for Stemma,
and given to train_from_iterator in a list's order for its peer. Runs take turns, each in a process of its own;
seconds are of the whole process, memory is the most that was resident. Prints the median of each and the ratio;
exit 1 where the lists of merges or the vocabularies (ids aside) differ.
"""

import argparse
import gzip
import json
import lzma
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MARK = "<|endoftext|>"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def read(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return data.decode(errors="replace").removeprefix("\ufeff")


def documents(paths):
    """Whole lines; none is the mark, since it would end a document on one side only."""
    for path in paths:
        text = "\n".join(line for line in read(path).split("\n") if line.rstrip("\r") != MARK)
        begin = 0
        while begin < len(text):
            blank = text.find("\n\n", begin + 64_000)
            end = len(text) if blank < 0 else blank + 2
            # The line end before a mark belongs to its document, so each document has one.
            part = text[begin:end]
            if part.strip():
                yield part if part.endswith("\n") else part + "\n"
            begin = end


def train_peer(corpus, options):
    """In a process of its own: trains and writes the merges."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    with open(corpus, newline="") as file:
        texts = file.read().split(MARK + "\n")
    tokenizer = Tokenizer(models.BPE())
    if options.split == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(CL100K), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocab_size, min_frequency=options.min_frequency, special_tokens=[MARK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(iter(texts), trainer)
    pathlib.Path(options.as_peer).write_text(tokenizer.to_str())


def measured(command, environment):
    """Seconds and peak bytes of a process."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed: {errors.decode()}")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def learned(path):
    model = json.loads(path.read_text())["model"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    return merges, set(model["vocab"]) - {MARK}


def first_difference(ours, theirs):
    for rank, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"merge {rank}: {a} here, {b} there"
    return f"{len(ours)} merges here, {len(theirs)} there"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--vocab-size", type=int, default=32768)
    parser.add_argument("--min-frequency", type=int, default=2)
    parser.add_argument("--split", choices=["gpt2", "cl100k"], default="gpt2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stemma", default=PROJECT / "build/release/src/cli/stemma")
    parser.add_argument("--as-peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        return train_peer(options.files[0], options)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        corpus, peer_json = folder / "corpus.txt", folder / "peer.json"
        paths = [p for file in options.files
                 for p in (sorted(x for x in file.rglob("*") if x.is_file()) if file.is_dir() else [file])]
        corpus.write_text((MARK + "\n").join(documents(paths)), newline="")
        same = [f"--vocab-size={options.vocab_size}", f"--min-frequency={options.min_frequency}",
                f"--split={options.split}"]
        ours = [options.stemma, "tokenizer", "train", "--input", corpus, "--output", folder / "ours",
                "--threads", str(options.threads), *same]
        theirs = [sys.executable, __file__, corpus, "--as-peer", peer_json, *same]
        environment = {**os.environ, "RAYON_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "true"}
        results = [(measured(ours, environment), measured(theirs, environment)) for _ in range(options.runs)]
        (seconds, memory), (peer_seconds, peer_memory) = (
            [statistics.median(values) for values in zip(*side)] for side in zip(*results))
        our_merges, our_tokens = learned(folder / "ours/tokenizer.json")
        peer_merges, peer_tokens = learned(peer_json)
        print(f"{corpus.stat().st_size / 1e6:.1f} MB, {len(our_merges)} merges: "
              f"stemma {seconds:.2f} s, {memory / 1e6:.0f} MB; tokenizers {peer_seconds:.2f} s, "
              f"{peer_memory / 1e6:.0f} MB; {peer_seconds / seconds:.1f} times as fast")
        if our_merges != peer_merges or our_tokens != peer_tokens:
            print("different: " + first_difference(our_merges, peer_merges))
            return 1
        print("the merges and the vocabularies are identical")
    return 0


sys.exit(main())
