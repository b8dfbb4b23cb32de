"""`stemma tokenizer train` against Hugging Face tokenizers' BpeTrainer: merges, seconds, memory.

    build/peers/bin/python scripts/peers/compare_trainer.py [--vocab-size N] [--split NAME] [--digits CUT]
        [--lowercase] [--runs N] FILE...

Files are plain text, UTF-8, also compressed (.gz, .xz). Both train on the same documents: the files are cut at
blank lines about every 64 kB, written to one file with an <|endoftext|> line after each document for Stemma,
and given to train_from_iterator in a list's order for its peer. Runs take turns, each in a process of its own;
seconds are of the whole process and its start, CPU those of its threads together, memory is the most that was
resident. Prints the median of each and the ratios. Then tokenizers and transformers open what Stemma wrote and encode the documents. Exit 1 where
merges, vocabularies (ids aside) or ids differ.
"""

import argparse
import gzip
import json
import lzma
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MARK = "<|endoftext|>"
HEADS, TAILS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
NUMBERS = {"single": r"\p{N}", "triple": r"\p{N}{1,3}"}


def pattern(split, digits):
    numbers = NUMBERS["triple" if digits == "keep" else digits]
    if split == "gpt2":
        numbers = r" ?\p{N}+" if digits == "keep" else numbers
        return rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+|{numbers}| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+"
    if split == "cl100k":
        return (rf"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{numbers}"
                r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    return "|".join([rf"[^\r\n\p{{L}}\p{{N}}]?{HEADS}*{TAILS}+{CONTRACTION}?",
                     rf"[^\r\n\p{{L}}\p{{N}}]?{HEADS}+{TAILS}*{CONTRACTION}?",
                     numbers, r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def read(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return data.decode(errors="replace").removeprefix("\ufeff")


def documents(paths):
    """Whole lines; none is the mark, since it would end a document on one side only."""
    blank_line = re.compile(r"\n\r?\n")
    for path in paths:
        text = "\n".join(line for line in read(path).split("\n") if line.rstrip("\r") != MARK)
        begin = 0
        while begin < len(text):
            blank = blank_line.search(text, begin + 64_000)
            end = blank.end() if blank else len(text)
            # The line end before a mark belongs to its document, so each document has one.
            part = text[begin:end]
            if part.strip():
                yield part if part.endswith("\n") else part + "\n"
            begin = end


def documents_of(corpus):
    """One after the other, as a careful user of train_from_iterator would give them."""
    lines = []
    with open(corpus, newline="", encoding="utf-8") as file:
        for line in file:
            if line == MARK + "\n":
                yield "".join(lines)
                lines = []
            else:
                lines.append(line)


def train_peer(options):
    """In a process of its own: trains and writes tokenizer.json."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    if options.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    if options.split == "gpt2" and options.digits == "keep":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern(options.split, options.digits)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocab_size, min_frequency=options.min_frequency, special_tokens=[MARK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(documents_of(options.files[0]), trainer)
    pathlib.Path(options.as_peer).write_text(tokenizer.to_str())
    print(json.dumps({"peak_memory_bytes": peak_bytes()}))


def peak_bytes():
    """The most that was resident (VmHWM); a child's ru_maxrss would begin with its parent's."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def measured(command, environment):
    """Seconds, CPU seconds and peak bytes of a process, which prints the last in JSON."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status != 0:
        sys.exit(f"{command[0]} failed: {errors.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, json.loads(output)["peak_memory_bytes"]


def medians(results):
    return [statistics.median(values) for values in zip(*results)]


def learned(path):
    model = json.loads(path.read_text())["model"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    return merges, set(model["vocab"]) - {MARK}


def first_difference(ours, theirs):
    for rank, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"merge {rank}: {a} here, {b} there"
    return f"{len(ours)} merges here, {len(theirs)} there"


def ids_differ(folder, corpus, options):
    """Ids of tokenizers and transformers, from the folder that Stemma wrote, against Stemma's own."""
    import numpy as np
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer
    sample = folder / "sample.txt"
    with open(corpus, newline="", encoding="utf-8") as file:
        text = file.read(300_000).replace(MARK, "")
    sample.write_text(text, newline="", encoding="utf-8")
    subprocess.run([options.stemma, "tokenizer", "encode", "--tokenizer", folder / "ours", "--input", sample,
                    "--output", folder / "ids.npy"], check=True, capture_output=True)
    ours = np.load(folder / "ids.npy").tolist()
    theirs = {"tokenizers": Tokenizer.from_file(str(folder / "ours/tokenizer.json")).encode(text).ids,
              "transformers": AutoTokenizer.from_pretrained(folder / "ours")(text)["input_ids"]}
    wrong = [name for name, ids in theirs.items() if ids != ours]
    print(f"{len(ours)} ids: " + (f"{', '.join(wrong)} give others" if wrong else "tokenizers and transformers give the same"))
    return bool(wrong)


def compare(options, folder):
    corpus, peer_json = folder / "corpus.txt", folder / "peer.json"
    paths = [p for file in options.files
             for p in (sorted(x for x in file.rglob("*") if x.is_file()) if file.is_dir() else [file])]
    with open(corpus, "w", newline="", encoding="utf-8") as file:
        for document in documents(paths):
            file.write(document + MARK + "\n")
    same = [f"--vocab-size={options.vocab_size}", f"--min-frequency={options.min_frequency}",
            f"--split={options.split}", f"--digits={options.digits}"] + ["--lowercase"] * options.lowercase
    ours = [options.stemma, "tokenizer", "train", "--input", corpus, "--output", folder / "ours",
            "--threads", str(options.threads), "--json", *same]
    theirs = [sys.executable, __file__, corpus, "--as-peer", peer_json, *same]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "true"}
    results = [(measured(ours, environment), measured(theirs, environment)) for _ in range(options.runs)]
    (seconds, cpu, memory), (peer_seconds, peer_cpu, peer_memory) = map(medians, zip(*results))
    our_merges, our_tokens = learned(folder / "ours/tokenizer.json")
    peer_merges, peer_tokens = learned(peer_json)
    print(f"{corpus.stat().st_size / 1e6:.1f} MB, {len(our_merges)} merges, {options.threads} threads, load "
          f"{os.getloadavg()[0]:.0f}")
    print(f"  stemma      {seconds:7.2f} s {cpu:7.2f} s CPU {memory / 1e6:6.0f} MB")
    print(f"  tokenizers  {peer_seconds:7.2f} s {peer_cpu:7.2f} s CPU {peer_memory / 1e6:6.0f} MB")
    print(f"  {peer_seconds / seconds:.1f} times as fast, {peer_cpu / cpu:.1f} times less CPU")
    if our_merges != peer_merges or our_tokens != peer_tokens:
        print("different: " + first_difference(our_merges, peer_merges))
        return 1
    print("  the merges and the vocabularies are identical")
    return int(ids_differ(folder, corpus, options))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--vocab-size", type=int, default=32768)
    parser.add_argument("--min-frequency", type=int, default=2)
    parser.add_argument("--split", choices=["gpt2", "cl100k", "o200k"], default="gpt2")
    parser.add_argument("--digits", choices=["keep", "single", "triple"], default="keep")
    parser.add_argument("--lowercase", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stemma", default=PROJECT / "build/release/src/cli/stemma")
    parser.add_argument("--as-peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        train_peer(options)
        return 0

    with tempfile.TemporaryDirectory() as folder:
        return compare(options, pathlib.Path(folder))


sys.exit(main())
