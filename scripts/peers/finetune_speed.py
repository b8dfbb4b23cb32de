"""Fine-tuning of a model (MiniLM) on SST-2 by stemma and by transformers, in turns: sentences a second of training alone, and
the largest memory of each process.

    scripts/task-data.sh sst2
    build/peers/bin/python scripts/peers/finetune_speed.py --rounds 3
    build/peers/bin/python scripts/peers/finetune_speed.py --rounds 3 --steps 12 --random openai-gpt \
        --tokenizer ../shared/tokenizers/gpt1

--random NAME: a model of that kind with transformers' default sizes (GPT-1: 117 million) and random weights.
Both take --steps steps of 32 phrases, full fine-tuning in f32 on all processors. transformers fills its batches up to
the longest text as they come (longest) and with texts of nearly equal length (sorted). Prints a JSON line a run and, at
the end, medians and ratios. Run it with nothing beside.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

BATCH = 32
# OpenAI's names of GPT-1's files.
HUGGING_FACE = {"encoder_bpe_40000.json": "vocab.json", "vocab_40000.bpe": "merges.txt"}
HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    """What it wrote to standard output, and the largest memory of it in bytes."""
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        text = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            errors.seek(0)
            sys.exit(f"failed: {' '.join(command)}\n{errors.read()[-2000:]}")
    return text, usage.ru_maxrss * 1024


def ours(folder):
    """Sentences a second over the steps after the first five, from the run's metrics."""
    rows = os.path.join(folder, "rows.tsv")
    with open(f"{ARGS.data}/sst2/train.tsv") as file, open(rows, "w") as out:
        for _ in range(1 + BATCH * ARGS.steps):
            out.write(file.readline())
    _, memory = run([ARGS.stemma, "finetune", "--model", ARGS.model, "--train", rows, "--run", f"{folder}/run",
                     "--epochs", "1", "--batch", str(BATCH), "--dev-fraction", "0", "--max-tokens", "128"])
    steps = [json.loads(line) for line in open(f"{folder}/run/metrics.jsonl")]
    seconds = [(b["tokens"] - a["tokens"]) / b["tokens_per_s"] for a, b in zip(steps[4:], steps[5:])]
    return BATCH * len(seconds) / sum(seconds), memory


def theirs(collate):
    text, memory = run([sys.executable, f"{HERE}/finetune_transformers.py", "sst2", "--data", ARGS.data,
                        "--model", ARGS.model, "--collate", collate, "--batch", str(BATCH),
                        "--steps", str(ARGS.steps), "--epochs", "1"])
    return json.loads(text.splitlines()[-1])["sentences_per_second"], memory


def random_model(folder):
    """A model folder that both sides open."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.for_model(ARGS.random)).save_pretrained(folder)
    for name in os.listdir(ARGS.tokenizer):
        if name.endswith((".json", ".txt", ".bpe")):
            shutil.copy(os.path.join(ARGS.tokenizer, name), os.path.join(folder, HUGGING_FACE.get(name, name)))
    return folder


def main():
    with tempfile.TemporaryDirectory() as folder:
        if ARGS.random:
            ARGS.model = random_model(folder)
        compare()


def compare():
    rates = {"stemma": [], "longest": [], "sorted": []}
    for _ in range(ARGS.rounds):
        for name in rates:
            with tempfile.TemporaryDirectory() as folder:
                rate, memory = ours(folder) if name == "stemma" else theirs(name)
            rates[name].append(rate)
            print(json.dumps({"run": name, "sentences_per_s": rate, "peak_memory_bytes": memory}), flush=True)
    medians = {name: statistics.median(list_) for name, list_ in rates.items()}
    print(json.dumps({"medians": medians, "to_longest": medians["stemma"] / medians["longest"],
                      "to_sorted": medians["stemma"] / medians["sorted"]}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stemma", default="build/release/src/cli/stemma")
    parser.add_argument("--model", default="models/minilm")
    parser.add_argument("--random", help="a model type of transformers, such as openai-gpt")
    parser.add_argument("--tokenizer", help="folder with the tokenizer of --random")
    parser.add_argument("--data", default="data/tasks")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    ARGS = parser.parse_args()
    main()
