#!/usr/bin/env python3
"""PyTorch's side of a training comparison: same weights, tokens, order and schedule as a run of stemma.

  --model   Hugging Face folder with the initial weights (gpt2, openai-gpt or bert)
  --tokens  .safetensors with `tokens` i32 [steps, batch, T + 1]: the tokens of every step; inputs [:-1], targets [1:].
            For BERT, with masked tokens and next sentence: `ids`, `targets` (-1: none) and `segments` i32
            [steps, batch, T], `lengths` and `labels` i32 [steps, batch]; what lies behind a length is padding
  --output  JSONL with step, loss, lr, grad_norm (before clipping) for each step, counted from 1

Learning rate at step s: lr·s/warmup up to s = warmup, then a cosine that reaches min_lr at the last step.
AdamW with decay on tensors of two dimensions and more, no dropout; in f32, or in f64 as a reference for both sides.

Example: build/peers/bin/python scripts/peers/train_trajectory.py --model init --tokens tokens.safetensors \\
           --lr 1e-3 --min-lr 1e-4 --warmup 20 --output torch.jsonl
"""
import argparse
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

from peer_models import load_model
from safetensors.numpy import load_file


def learning_rate(step, steps, args):
    if step <= args.warmup:
        return args.lr * step / args.warmup
    progress = (step - args.warmup) / (steps - args.warmup)
    return args.min_lr + 0.5 * (args.lr - args.min_lr) * (1 + math.cos(math.pi * progress))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--save", help="folder for the trained weights")
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--min-lr", type=float, default=0.0)
    parser.add_argument("--warmup", type=int, default=0)
    parser.add_argument("--beta1", type=float, default=0.9)
    parser.add_argument("--beta2", type=float, default=0.95)
    parser.add_argument("--eps", type=float, default=1e-8)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--clip", type=float, default=1.0, help="0: none")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    inputs = load_file(args.tokens)
    if "labels" in inputs:
        steps = len(inputs["ids"])
        model = load_pre_training(args.model, getattr(torch, args.dtype))
        train(args, model, steps, lambda step: masked_losses(model, {name: value[step] for name, value in inputs.items()}))
        return
    tokens = inputs["tokens"]
    if tokens.ndim != 3 or tokens.dtype.kind not in "iu":
        parser.error(f"--tokens must be whole numbers [steps, batch, T + 1], got {tokens.dtype} {tokens.shape}")
    steps = len(tokens)
    model = load_model(args.model, getattr(torch, args.dtype))
    if tokens.max() >= model.config.vocab_size or tokens.shape[2] - 1 > model.config.n_positions:
        parser.error(f"tokens up to {tokens.max()} and length {tokens.shape[2] - 1} do not fit the model's vocabulary "
                     f"{model.config.vocab_size} and context {model.config.n_positions}")
    train(args, model, steps, lambda step: next_token_loss(model, tokens[step]))


def next_token_loss(model, tokens):
    batch = torch.from_numpy(tokens.astype(np.int64))
    logits = model(batch[:, :-1]).logits
    return {"loss": F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())}


def load_pre_training(folder, dtype):
    from transformers import BertForPreTraining

    return BertForPreTraining.from_pretrained(folder, dtype=dtype, local_files_only=True).eval()


def masked_losses(model, batch):
    batch = {name: torch.from_numpy(value.astype(np.int64)) for name, value in batch.items()}
    attention = torch.arange(batch["ids"].shape[1])[None] < batch["lengths"][:, None]
    out = model(input_ids=batch["ids"], token_type_ids=batch["segments"], attention_mask=attention.long())
    mlm = F.cross_entropy(out.prediction_logits.flatten(0, 1), batch["targets"].flatten(), ignore_index=-1)
    nsp = F.cross_entropy(out.seq_relationship_logits, batch["labels"])
    return {"loss": mlm + nsp, "mlm_loss": mlm, "nsp_loss": nsp}


def train(args, model, steps, losses_of):
    parameters = list(model.parameters())
    optimiser = torch.optim.AdamW(
        [{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": args.weight_decay},
         {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}],
        lr=args.lr, betas=(args.beta1, args.beta2), eps=args.eps)

    with open(args.output, "w") as out:
        for step in range(1, steps + 1):
            lr = learning_rate(step, steps, args)
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.zero_grad(set_to_none=True)
            losses = losses_of(step - 1)
            losses["loss"].backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, args.clip if args.clip > 0 else math.inf)
            optimiser.step()
            line = {"step": step, **{name: loss.item() for name, loss in losses.items()}, "lr": lr,
                    "grad_norm": norm.item()}
            out.write(json.dumps(line) + "\n")
            if step == 1 or step % 50 == 0 or step == steps:
                print(line, file=sys.stderr, flush=True)
    if args.save:
        model.save_pretrained(args.save)


if __name__ == "__main__":
    main()
