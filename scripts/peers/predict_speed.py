"""Classifying phrases of SST-2 by `stemma predict` and by transformers' pipeline, in turns: texts a second without and
with the start of the program, the largest memory of each process, and whether both say the same.

    scripts/task-data.sh sst2
    build/peers/bin/python scripts/peers/predict_speed.py --rounds 3

Both use a MiniLM that a few steps of fine-tuning gave two classes, in f32 on all processors, the pipeline with
batch_size=32. Prints a JSON line a run and, at the end, medians and ratios. Run it with nothing beside.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time

from finetune_speed import HERE, run


def texts_of(count, folder):
    with open(f"{ARGS.data}/sst2/train.tsv", encoding="utf-8") as rows:
        lines = [row.split("\t")[0] for row in list(rows)[1:count + 1]]
    path = os.path.join(folder, f"{count}.txt")
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in lines)
    return path


def model_in(folder):
    rows = os.path.join(folder, "rows.tsv")
    with open(f"{ARGS.data}/sst2/train.tsv", encoding="utf-8") as file, open(rows, "w", encoding="utf-8") as out:
        out.writelines(line for line, _ in zip(file, range(2001)))
    run([ARGS.stemma, "finetune", "--model", ARGS.model, "--train", rows, "--run", f"{folder}/run", "--epochs", "1",
         "--batch", "32", "--dev-fraction", "0", "--max-tokens", "128"])
    return f"{folder}/run"


def timed(command):
    begin = time.perf_counter()
    text, memory = run(command)
    return time.perf_counter() - begin, text, memory


def ours(model, folder):
    command = [ARGS.stemma, "predict", "--model", model, "--input"]
    start, _, _ = timed(command + [texts_of(1, folder)])
    whole, text, memory = timed(command + [texts_of(ARGS.rows, folder)])
    return whole, whole - start, [json.loads(line)["label"] for line in text.splitlines()], memory


def theirs(model, folder):
    out = os.path.join(folder, "guesses.jsonl")
    whole, text, memory = timed([sys.executable, f"{HERE}/predict_transformers.py", "--model", model, "--out", out,
                                 "--text", texts_of(ARGS.rows, folder)])
    with open(out, encoding="utf-8") as guesses:
        labels = [json.loads(line)["label"] for line in guesses]
    return whole, json.loads(text.splitlines()[-1])["seconds"], labels, memory


def main():
    rates, whole_rates, labels = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        model = model_in(folder)
        for _ in range(ARGS.rounds):
            for name, program in (("stemma", ours), ("transformers", theirs)):
                whole, alone, labels[name], memory = program(model, folder)
                rates.setdefault(name, []).append(ARGS.rows / alone)
                whole_rates.setdefault(name, []).append(ARGS.rows / whole)
                print(json.dumps({"run": name, "texts_per_s": rates[name][-1],
                                  "with_start": whole_rates[name][-1], "peak_memory_bytes": memory}), flush=True)
    alone = {name: statistics.median(values) for name, values in rates.items()}
    whole = {name: statistics.median(values) for name, values in whole_rates.items()}
    same = sum(a == b for a, b in zip(labels["stemma"], labels["transformers"]))
    print(json.dumps({"texts_per_s": alone, "ratio": alone["stemma"] / alone["transformers"], "with_start": whole,
                      "ratio_with_start": whole["stemma"] / whole["transformers"], "same_labels": same,
                      "texts": ARGS.rows}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stemma", default="build/release/src/cli/stemma")
    parser.add_argument("--model", default="models/minilm")
    parser.add_argument("--data", default="data/tasks")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    ARGS = parser.parse_args()
    main()
