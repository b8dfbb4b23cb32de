#!/usr/bin/env python3
"""PyTorch's training step of GPT-2 124M on the CPU: tokens/s and peak memory.

One step = forward, backward, clipping of the gradient norm to 1, AdamW, gradients set to None; dropout 0;
random tokens. Every combination runs in a process of its own, so that VmHWM is its own peak.

  nano  a minimal GPT-2 (nn.Linear, SDPA attention, tanh GELU, tied head), the fastest we know
  hf    transformers' GPT2LMHeadModel with SDPA attention
  loss  plain: cross_entropy over whole logits; fused: F.linear_cross_entropy (chunked, no whole logits)

Example: build/peers/bin/python scripts/peers/torch_train_step.py --batch 4 --modes eager-f32,compiled-bf16
Prints one JSON object; progress goes to standard error.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

MODES = ("eager-f32", "compiled-f32", "eager-bf16", "compiled-bf16")


def vm_hwm_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def make_nano(args):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self, c, heads):
            super().__init__()
            self.heads = heads
            self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
            self.c_attn, self.c_proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
            self.c_fc, self.mlp_proj = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2)
                       for y in self.c_attn(self.ln_1(x)).split(c, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, c))
            return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    class Gpt2(nn.Module):
        def __init__(self, v, t, c, heads, layers):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(v, c), nn.Embedding(t, c)
            self.blocks = nn.ModuleList(Block(c, heads) for _ in range(layers))
            self.ln_f = nn.LayerNorm(c)
            for p in self.parameters():
                if p.dim() >= 2:
                    nn.init.normal_(p, std=0.02)

        def forward(self, ids, targets):
            x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
            for block in self.blocks:
                x = block(x)
            x = self.ln_f(x)
            if args.loss == "fused":
                return F.linear_cross_entropy(x.flatten(0, 1), self.wte.weight.to(x.dtype), targets.flatten())
            return F.cross_entropy(F.linear(x, self.wte.weight).flatten(0, 1), targets.flatten())

    return Gpt2(args.vocab, max(args.seq, 1024), args.channels, args.heads, args.layers)


def make_hf(args):
    from torch import nn
    from transformers import GPT2Config, GPT2LMHeadModel

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = GPT2LMHeadModel._from_config(
                GPT2Config(vocab_size=args.vocab, n_positions=max(args.seq, 1024), n_embd=args.channels,
                           n_head=args.heads, n_layer=args.layers, attn_pdrop=0.0, embd_pdrop=0.0,
                           resid_pdrop=0.0, use_cache=False), attn_implementation="sdpa")

        def forward(self, ids, targets):
            logits = self.model(ids, use_cache=False).logits
            return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return Wrapped()


def run_one(args):
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    compiled, kind = args.one.split("-")
    model = make_nano(args) if args.model == "nano" else make_hf(args)
    model.train()
    parameters = sum(p.numel() for p in model.parameters())
    if compiled == "compiled":
        model = torch.compile(model, dynamic=False,
                              **({"mode": args.compile_mode} if args.compile_mode else {}))
    groups = [{"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": 0.1},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), fused=True)
    ids = torch.randint(args.vocab, (args.batch, args.seq + 1))
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    seconds, loss = [], None
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == "bf16"):
            loss = model(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        value = loss.item()
        elapsed = time.perf_counter() - start
        print(f"  {args.model} {args.one} {args.loss} step {step}: {elapsed:.2f} s, loss {value:.4f}",
              file=sys.stderr, flush=True)
        if step >= args.warmup:
            seconds.append(elapsed)
        elif step == 0:
            first = elapsed
    tokens = args.batch * args.seq
    print(json.dumps({
        "mode": args.one, "model": args.model, "loss_form": args.loss,
        "compile_mode": args.compile_mode if compiled == "compiled" else None,
        "batch": args.batch, "seq": args.seq,
        "tokens_per_s": tokens / statistics.median(seconds), "tokens_per_s_best": tokens / min(seconds),
        "step_seconds": seconds, "first_step_seconds": first if args.warmup else seconds[0],
        "peak_memory_bytes": vm_hwm_bytes(), "parameters": parameters, "loss": value,
        "torch": torch.__version__, "threads": args.threads}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seq", type=int, default=1024)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--model", choices=("nano", "hf"), default="nano")
    parser.add_argument("--loss", choices=("plain", "fused"), default="plain")
    parser.add_argument("--compile-mode", default="", help="torch.compile's mode, e.g. max-autotune-no-cudagraphs")
    parser.add_argument("--steps", type=int, default=3, help="timed steps")
    parser.add_argument("--warmup", type=int, default=1, help="steps before them (compilation)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--channels", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--one", choices=MODES, help="run this mode in this process")
    args = parser.parse_args()
    if args.model == "hf" and args.loss == "fused":
        parser.error("--loss fused needs --model nano")
    if args.one:
        return run_one(args)
    modes = args.modes.split(",")
    if unknown := set(modes) - set(MODES):
        parser.error(f"unknown modes {sorted(unknown)}; known: {', '.join(MODES)}")
    results = []
    for mode in modes:
        load = os.getloadavg()[0]
        child = subprocess.run([sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--one", mode],
                               stdout=subprocess.PIPE, text=True)
        if child.returncode:
            results.append({"mode": mode, "error": f"exit {child.returncode}"})
        else:
            results.append(json.loads(child.stdout) | {"load_before": load})
    best = max((r for r in results if "error" not in r), key=lambda r: r["tokens_per_s"], default=None)
    print(json.dumps({"best": best, "results": results}, indent=1))
    return 0 if best else 1


if __name__ == "__main__":
    sys.exit(main())
