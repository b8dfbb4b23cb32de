#!/usr/bin/env python3
"""Opens a folder written by stemma in transformers: perplexity of a text and greedy continuation of a prompt.

Perplexity as `stemma eval perplexity` defines it: the stream is end-of-text, then the tokens of the whole
file; windows of T inputs every T/2 tokens; each target is scored once, in the first window that has it.
With --stemma the same is asked of that binary and compared: exit 1 when token ids differ or the perplexities
differ by more than --limit, relatively.

Example: build/peers/bin/python scripts/peers/hf_roundtrip.py --model runs/x/export --text sample.txt \\
           --prompt "In the beginning" --max-tokens 20 --stemma build/release/src/cli/stemma
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

import torch
import torch.nn.functional as F

from peer_models import load_model


def perplexity(model, stream, text_bytes):
    context = model.config.n_positions
    nll, scored = 0.0, 0
    for begin in range(0, len(stream) - 1, max(context // 2, 1)):
        end = min(begin + context, len(stream) - 1)
        window = torch.tensor([stream[begin:end]])
        losses = F.cross_entropy(model(window).logits[0].float(), torch.tensor(stream[begin + 1:end + 1]),
                                 reduction="none")
        nll += losses[scored - begin:].double().sum().item()
        scored = end
        if end == len(stream) - 1:
            break
    return {"nll": nll, "tokens": scored, "perplexity": math.exp(nll / scored),
            "bits_per_byte": nll / math.log(2) / text_bytes}


def greedy(model, ids, max_tokens, eot):
    """The ids of the continuation; the end-of-text token ends it and is not part of it."""
    ids, start = list(ids), len(ids)
    while len(ids) - start < max_tokens and len(ids) < model.config.n_positions:
        best = model(torch.tensor([ids])).logits[0, -1].argmax().item()
        if best == eot:
            break
        ids.append(best)
    return ids[start:]


def ask(binary, *arguments):
    return json.loads(subprocess.run([binary, *arguments, "--json"], check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", help="text file (UTF-8)")
    parser.add_argument("--prompt")
    parser.add_argument("--max-tokens", type=int, default=20)
    parser.add_argument("--context-token", type=int, help="id to begin the stream with, where there is no end-of-text")
    parser.add_argument("--stemma", help="the stemma binary to compare with")
    parser.add_argument("--limit", type=float, default=1e-4)
    args = parser.parse_args()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(args.model, local_files_only=True)
    model = load_model(args.model)
    eot = model.config.eos_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    first = args.context_token if args.context_token is not None else eot
    encode = lambda text: tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    report, ok = {"model": args.model, "transformers_class": type(model).__name__}, True
    with torch.no_grad():
        if args.text:
            if first is None:
                parser.error("the tokenizer has no end-of-text token: give --context-token")
            data = pathlib.Path(args.text).read_bytes()
            ids = encode(data.decode("utf-8"))
            if not ids:
                parser.error(f"{args.text} gives no tokens")
            report["eval"] = perplexity(model, [first, *ids], len(data))
        if args.prompt:
            prompt = encode(args.prompt)
            report["prompt_ids"], report["greedy_ids"] = prompt, greedy(model, prompt, args.max_tokens, eot)
            report["greedy_text"] = tokenizer.decode(report["greedy_ids"])
    if args.stemma and args.text:
        extra = [] if args.context_token is None else ["--context-token", str(args.context_token)]
        ours = ask(args.stemma, "eval", "perplexity", "--model", args.model, "--text", args.text, *extra)
        report["stemma_eval"] = ours
        ok &= ours["tokens"] == report["eval"]["tokens"]
        ok &= abs(ours["perplexity"] / report["eval"]["perplexity"] - 1) <= args.limit
    if args.stemma and args.prompt:
        ours = ask(args.stemma, "generate", "--model", args.model, "--prompt", args.prompt,
                   "--max-tokens", str(args.max_tokens), "--temperature", "0")
        report["stemma_ids"] = ours["ids"]
        ok &= ours["ids"] == report["greedy_ids"]
    print(json.dumps(report | {"ok": ok}, indent=1, ensure_ascii=False))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
