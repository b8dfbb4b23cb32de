#!/usr/bin/env python3
"""Speed of two builds of stemma in turns, as pairs: for a change that must not make anything slower.

Example: scripts/peers/compare_builds.py --before /tmp/stemma-old --pairs 12

Times a training step of 4 x 512 tokens, a prefill of 512 tokens and decode after 512 tokens of GPT-2 124M and of a
model of 12 million parameters (6 layers of 384 channels), all f32. Each pair runs both builds, the order changing from
pair to pair. Prints for each case the median of both, and the mean ratio after / before with its 95 % interval
(Student's t): of the medians of each run's steps, and of their best, which a busy neighbour disturbs less. It needs
an idle machine, and about 35 minutes for 12 pairs.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = {"model_type": "gpt2", "vocab_size": 4096, "n_positions": 1024, "n_embd": 384, "n_layer": 6, "n_head": 6}
T_95 = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10]


def tokens_per_second(binary, words):
    out = subprocess.run([binary, "bench", *words, "--precision", "f32", "--json"], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(f"{binary} bench {' '.join(words)}: {out.stderr}")
    result = json.loads(out.stdout)
    median = result["tokens_per_s"]
    seconds = sorted(result["step_seconds"])
    return median, median * statistics.median(seconds) / seconds[0]


def interval(ratios):
    mean = statistics.mean(ratios)
    half = T_95[min(len(ratios) - 2, len(T_95) - 1)] * statistics.stdev(ratios) / math.sqrt(len(ratios))
    return f"{mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the stemma of the older build")
    parser.add_argument("--after", default=str(ROOT / "build/release/src/cli/stemma"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    args = parser.parse_args()
    if args.pairs < 2:
        parser.error("--pairs must be at least 2: an interval needs two ratios")
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder) / "config.json"
        small.write_text(json.dumps(SMALL))
        cases = {}
        for name, model, steps in (("GPT-2 124M", "gpt2", (3, 6, 40)), ("12M", str(small), (10, 40, 400))):
            cases[f"{name} training step, 4 x 512"] = ["train", "--model", model, "--batch", "4", "--seq", "512",
                                                       "--warmup", "2", "--steps", str(steps[0])]
            cases[f"{name} prefill, 512"] = ["prefill", "--model", model, "--seq", "512", "--steps", str(steps[1])]
            cases[f"{name} decode after 512"] = ["decode", "--model", model, "--seq", "512", "--steps", str(steps[2])]
        for name, words in cases.items():
            if args.only not in name:
                continue
            rates = {args.before: [], args.after: []}
            for pair in range(args.pairs):
                for binary in (args.before, args.after) if pair % 2 == 0 else (args.after, args.before):
                    rates[binary].append(tokens_per_second(binary, words))
            before, after = rates[args.before], rates[args.after]
            print(f"{name:<32} {statistics.median(m for m, _ in before):9.1f} -> "
                  f"{statistics.median(m for m, _ in after):9.1f} tokens/s, {args.pairs} pairs: "
                  f"{interval([b[0] / a[0] for a, b in zip(before, after)])}, of the best steps "
                  f"{interval([b[1] / a[1] for a, b in zip(before, after)])}", flush=True)


if __name__ == "__main__":
    main()
