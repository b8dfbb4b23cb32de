"""Speed of `stemma tokenizer bench` beside tiktoken and Hugging Face tokenizers: the same texts on one core, in turns.

    build/peers/bin/python scripts/peers/bench_tokenizers.py [--hostile] books.txt code.txt

Each round measures Stemma, then tiktoken, then tokenizers on every text; the figures are medians over the rounds, in
10^6 bytes of text a second of processor time, and "x" is Stemma's median divided by the peer's. Encoding is tiktoken's
encode_ordinary and tokenizers' encode, which sees the first --tokenizers-mb of a text; decoding is to bytes (tokenizers:
to text). Loading (--load, in wall time) is from a .tiktoken file by tiktoken, from tokenizer.json by tokenizers, and by
Stemma from the table in its binary and from the same .tiktoken file. All run on one core.

--hostile adds one letter many times, spaces, emoji and base64, no longer than tiktoken survives: its regular expression
overflows the stack on 10^6 spaces (`stemma tokenizer bench --hostile` measures the full sizes).
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time

from peer_tokenizers import RANKS, STEMMA, hugging_face_tokenizer, rank_file, saved_folder, tiktoken_encoding, unpacked

import tiktoken.load  # noqa: E402
import tokenizers  # noqa: E402


def hostile_texts():
    draw = random.Random(1)
    return {"letter a": "a" * 1_000_000, "spaces": " " * 20_000, "emoji": "\U0001F642" * 100_000,
            "base64": "".join(draw.choices(string.ascii_letters + string.digits + "+/", k=1_000_000))}


def seconds_of(work, clock=time.thread_time):
    """As `stemma tokenizer bench` times: by the thread's processor time, so that other programs do not count."""
    start = clock()
    result = work()
    return max(clock() - start, 1e-9), result


class Figures:
    """Rates by (who, encoding, text, work)."""

    def __init__(self):
        self.rates, self.failed = {}, {}

    def add(self, key, rate):
        self.rates.setdefault(key, []).append(rate)

    def measure(self, who, name, text, size, encode, decode):
        try:
            seconds, ids = seconds_of(encode)
            self.add((who, name, text, "encode"), size / seconds)
            self.add((who, name, text, "decode"), size / seconds_of(lambda: decode(ids))[0])
        except BaseException as error:  # a panic of the peer's library is no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            self.failed[who, name, text] = str(error).splitlines()[0][:100]

    def median(self, *key):
        return statistics.median(self.rates[key]) if key in self.rates else None


def measure_stemma(options, files, figures):
    command = [options.stemma, "tokenizer", "bench", "--runs", str(options.runs), "--threads", "1", "--skip-memory", "--json", "--tokenizer",
               *options.encodings, "--input", *files.values()]
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for one in result["tokenizers"]:
        for name, rates in zip(files, one["texts"]):
            for work in ("encode", "decode"):
                figures.add(("stemma", one["tokenizer"], name, work), rates[f"{work}_bytes_per_s"]["median"])
    return result["peak_memory_bytes"]


def cut(text, size):
    return text.encode()[:size].decode("utf-8", "ignore")


def measure_loading(options, folder, figures):
    name = options.load
    file = pathlib.Path(folder, f"{name}.tiktoken")
    file.write_bytes(rank_file(name))
    file_of_tokenizers = saved_folder(options.stemma, name, folder) / "tokenizer.json"
    for _ in range(options.rounds):
        for source, argument in (("its table", name), ("the file", file)):
            run = subprocess.run([options.stemma, "tokenizer", "bench", "--runs", str(options.runs), "--threads", "1", "--skip-memory", "--json",
                                  "--tokenizer", argument, "--input", file], check=True, capture_output=True)
            one = json.loads(run.stdout)["tokenizers"][0]
            figures.add(("stemma", source), one["load_seconds"]["median"])
        load = tiktoken.load.load_tiktoken_bpe
        figures.add(("tiktoken", "the file"), seconds_of(lambda: tiktoken_encoding(name, load(str(file))), time.perf_counter)[0])
        figures.add(("tokenizers", "tokenizer.json"),
                    seconds_of(lambda: tokenizers.Tokenizer.from_file(str(file_of_tokenizers)), time.perf_counter)[0])


def print_figures(options, texts, figures):
    def number(rate, width):
        return f"{rate / 1e6:{width}.1f}" if rate else " " * (width - 1) + "-"

    print(f"{'text':<14} {'MB':>6} {'encoding':<12} {'work':<7} {'stemma':>8} {'tiktoken':>9} {'x':>6} {'tokenizers':>11} {'x':>7}")
    for text, content in texts.items():
        for name in options.encodings:
            for work in ("encode", "decode"):
                ours, *theirs = (figures.median(who, name, text, work) for who in ("stemma", "tiktoken", "tokenizers"))
                times = [f"{ours / rate:.1f}" if rate else "-" for rate in theirs]
                print(f"{text:<14} {len(content.encode()) / 1e6:6.1f} {name:<12} {work:<7} {number(ours, 8)} "
                      f"{number(theirs[0], 9)} {times[0]:>6} {number(theirs[1], 11)} {times[1]:>7}")
    for (who, name, text), why in figures.failed.items():
        print(f"{who} fails on {text} with {name}: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--encodings", nargs="+", default=["r50k_base", "cl100k_base", "o200k_base"], choices=list(RANKS))
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--load", default="cl100k_base", choices=["", *RANKS], help="encoding whose loading is timed")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the processor core to run on (the last)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="runs of Stemma in a round")
    parser.add_argument("--tokenizers", nargs="*", default=["r50k_base"], help="encodings for tokenizers (r50k_base)")
    parser.add_argument("--tokenizers-mb", type=float, default=4)
    parser.add_argument("--stemma", default=STEMMA)
    options = parser.parse_args()
    if not options.files and not options.hostile and not options.load:
        parser.error("give files, --hostile or --load")
    os.sched_setaffinity(0, {options.core})
    texts = {str(path.name): next(unpacked(path.name, path.read_bytes()))[1].decode("utf-8", "ignore")
             for path in options.files}
    texts |= hostile_texts() if options.hostile else {}
    figures, loading, peak_memory = Figures(), Figures(), 0
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (name, text) in enumerate(texts.items()):
            files[name] = pathlib.Path(folder, f"{number}")
            files[name].write_text(text, "utf-8", newline="")
        peers = {name: tiktoken_encoding(name) for name in options.encodings} if texts else {}
        slow = {name: hugging_face_tokenizer(options.stemma, name) for name in options.tokenizers} if texts else {}
        for number in range(options.rounds if texts else 0):
            peak_memory = measure_stemma(options, files, figures)
            for name, peer in peers.items():
                for text, content in texts.items():
                    figures.measure("tiktoken", name, text, len(content.encode()),
                                    lambda: peer.encode_ordinary(content), peer.decode_bytes)
            for name, peer in slow.items():
                for text, content in texts.items():
                    part = cut(content, int(options.tokenizers_mb * 1e6))
                    figures.measure("tokenizers", name, text, len(part.encode()),
                                    lambda: peer.encode(part, add_special_tokens=False).ids, peer.decode)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        if options.load:
            measure_loading(options, folder, loading)
    print_figures(options, texts, figures)
    for (who, source), seconds in loading.rates.items():
        print(f"loading {options.load}, {who} from {source}: {1e3 * statistics.median(seconds):.1f} ms (least {1e3 * min(seconds):.1f})")
    if texts:
        print(f"stemma's peak memory: {peak_memory / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
