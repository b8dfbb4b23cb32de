#!/usr/bin/env python3
"""Logits of a Hugging Face folder through transformers (float32), and their comparison with another file's.

Both files hold a tensor `logits` [T, V]: row t scores the token after ids[t], as `stemma logits` writes it.
A bias of the head (`lm_head.bias`), which transformers' GPT-2 ignores, is added.

Example: stemma logits --model DIR --ids 1,2,3 --output ours.safetensors
         build/peers/bin/python scripts/peers/check_logits.py --model DIR --ids 1,2,3 --against ours.safetensors
Prints max |Δ| and the share of rows with the same argmax; exit 1 above --limit or, with --top1, below it.
"""
import argparse
import json
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from peer_models import load_model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    ids = parser.add_mutually_exclusive_group(required=True)
    ids.add_argument("--ids", help="comma-separated")
    ids.add_argument("--ids-file", help=".npy, one dimension, as `stemma tokenizer encode` writes it")
    parser.add_argument("--output", help="safetensors file for transformers' logits")
    parser.add_argument("--against", help="safetensors file to compare with")
    parser.add_argument("--limit", type=float, default=1e-4, help="greatest allowed |Δ|")
    parser.add_argument("--top1", type=float, default=1.0, help="smallest allowed share of equal argmax")
    parser.add_argument("--float64", action="store_true", help="compute in float64")
    args = parser.parse_args()

    row = np.load(args.ids_file).astype(np.int64) if args.ids_file else [int(i) for i in args.ids.split(",")]
    model = load_model(args.model, torch.float64 if args.float64 else torch.float32)
    with torch.no_grad():
        logits = model(torch.as_tensor(row)[None]).logits[0].float().contiguous()
    if args.output:
        save_file({"logits": logits}, args.output)
    report = {"rows": logits.shape[0], "vocab": logits.shape[1]}
    ok = True
    if args.against:
        other = load_file(args.against)["logits"]
        if other.shape != logits.shape:
            print(f"{args.against}: logits must be {tuple(logits.shape)}, got {tuple(other.shape)}", file=sys.stderr)
            return 1
        delta = (other.double() - logits.double()).abs().max().item()
        agreement = (other.argmax(-1) == logits.argmax(-1)).double().mean().item()
        ok = delta <= args.limit and agreement >= args.top1
        report |= {"max_difference": delta, "max_logit": logits.abs().max().item(), "top1_agreement": agreement,
                   "limit": args.limit, "ok": ok}
    print(json.dumps(report))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
