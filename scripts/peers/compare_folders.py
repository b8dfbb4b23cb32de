#!/usr/bin/env python3
"""Opens two Hugging Face folders with transformers and compares their logits on random ids: exit 1 above --limit.

Example: build/peers/bin/python scripts/peers/compare_folders.py tests/golden/fixtures/gpt2-random exported
"""
import argparse
import sys

import torch

from peer_models import load_model


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("other")
    parser.add_argument("--limit", type=float, default=0.0, help="largest |difference| that passes")
    arguments = parser.parse_args()
    reference, other = load_model(arguments.reference), load_model(arguments.other)
    if type(reference) is not type(other):
        sys.exit(f"{type(reference).__name__} and {type(other).__name__}")
    config = reference.config
    torch.manual_seed(0)
    ids = torch.randint(config.vocab_size, (2, config.n_positions))
    difference = (reference(ids).logits - other(ids).logits).abs().max().item()
    print(f"{type(other).__name__}, {ids.numel()} ids: max |difference of logits| {difference:g}")
    sys.exit(difference > arguments.limit)


if __name__ == "__main__":
    main()
