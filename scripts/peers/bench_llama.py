#!/usr/bin/env python3
"""Speed of SmolLM2 (or another Llama-layout model) in Stemma beside transformers and llama.cpp, in turns:
reading a prompt of 512 tokens, writing after 512 tokens, and, with --train, a training step.

Example: build/peers/bin/python scripts/peers/bench_llama.py --model models/smollm2 --rounds 3 [--train]

Prints the median of the rounds in tokens per second, and the ratio of Stemma to each peer. It needs an
idle machine. llama-cpp-python is left out where it cannot be imported.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import time

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTEXT, WRITTEN = 512, 16


def stemma(args, what, *words):
    out = subprocess.run([args.stemma, "bench", what, "--model", args.model, "--seq", str(CONTEXT), "--json", *words],
                         capture_output=True, text=True)  # fmt: skip
    if out.returncode:
        raise SystemExit(out.stderr)
    result = json.loads(out.stdout)
    return result["tokens_per_s"], result["share_of_peak"]


def per_second(tokens, work):
    work()
    start = time.perf_counter()
    work()
    return tokens / (time.perf_counter() - start)


def transformers_rates(model, ids):
    def prefill():
        with torch.no_grad():
            return model(ids, logits_to_keep=1, use_cache=True)

    def decode(cache, token):
        with torch.no_grad():
            for _ in range(WRITTEN):
                out = model(token, past_key_values=cache, use_cache=True)
                cache, token = out.past_key_values, out.logits[:, -1:].argmax(-1)

    reading = per_second(CONTEXT, prefill)
    first = prefill()
    start = time.perf_counter()
    decode(first.past_key_values, first.logits[:, -1:].argmax(-1))
    return reading, WRITTEN / (time.perf_counter() - start)


def llama_rates(llama, ids):
    llama.reset()
    start = time.perf_counter()
    llama.eval(ids)
    reading = CONTEXT / (time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(WRITTEN):
        llama.eval([int(llama.sample(temp=0.0))])
    return reading, WRITTEN / (time.perf_counter() - start)


def train_rate(model, optimiser, batch, length):
    ids = torch.randint(model.config.vocab_size, (batch, length))

    def step():
        optimiser.zero_grad(set_to_none=True)
        model(ids, labels=ids).loss.backward()
        optimiser.step()

    return per_second(batch * length, step)


def report(name, values, ours):
    middle = statistics.median(values)
    print(f"  {name:<28} {middle:9.1f} tokens/s  (" + ", ".join(f"{v:.1f}" for v in values) + ")"
          + "".join(f"  {who}: {statistics.median(v) / middle:.2f} x" for who, v in ours.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="models/smollm2")
    parser.add_argument("--gguf", help="for llama.cpp; the .gguf in the model's folder by default")
    parser.add_argument("--stemma", default=str(ROOT / "build/release/src/cli/stemma"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="training steps of 4 x 512 tokens too")
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    ids = torch.randint(17, model.config.vocab_size, (1, CONTEXT))
    gguf = args.gguf or next(map(str, pathlib.Path(args.model).glob("*.gguf")), None)
    llama = None
    try:
        from llama_cpp import Llama

        llama = Llama(gguf, n_ctx=CONTEXT + 64, n_batch=CONTEXT, n_threads=2, n_threads_batch=2, verbose=False)
    except ImportError:
        print("llama.cpp: not installed, left out")

    prefill = {"Stemma f32": [], "Stemma bf16": [], "transformers f32": []}
    decode = {"Stemma bf16 weights": [], "Stemma f32 weights": [], "transformers f32": []}
    for _ in range(args.rounds):
        prefill["Stemma f32"].append(stemma(args, "prefill", "--precision", "f32")[0])
        prefill["Stemma bf16"].append(stemma(args, "prefill", "--precision", "bf16")[0])
        decode["Stemma bf16 weights"].append(stemma(args, "decode", "--weights", "bf16", "--precision", "f32")[0])
        decode["Stemma f32 weights"].append(stemma(args, "decode", "--precision", "f32")[0])
        reading, writing = transformers_rates(model.eval(), ids)
        prefill["transformers f32"].append(reading)
        decode["transformers f32"].append(writing)
        if llama:
            reading, writing = llama_rates(llama, ids[0].tolist())
            prefill.setdefault("llama.cpp, the GGUF", []).append(reading)
            decode.setdefault("llama.cpp, the GGUF", []).append(writing)
    for title, rows in (("prefill of 512 tokens", prefill), ("decode after 512 tokens", decode)):
        print(title)
        stemmas = {name: values for name, values in rows.items() if name.startswith("Stemma")}
        for name, values in rows.items():
            report(name, values, {} if name in stemmas else stemmas)
    if args.train:
        ours, eager, compiled = [], [], []
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5)
        fast = torch.compile(model.train())
        for _ in range(args.rounds):
            ours.append(stemma(args, "train", "--batch", "4", "--steps", "2", "--warmup", "2", "--precision", "f32")[0])
            eager.append(train_rate(model.train(), optimiser, 4, CONTEXT))
            compiled.append(train_rate(fast, optimiser, 4, CONTEXT))
        print("training step, 4 x 512 tokens, f32")
        report("Stemma", ours, {})
        report("PyTorch eager", eager, {"Stemma": ours})
        report("PyTorch compiled", compiled, {"Stemma": ours})


if __name__ == "__main__":
    main()
