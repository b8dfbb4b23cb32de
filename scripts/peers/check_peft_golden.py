#!/usr/bin/env python3
"""Computes the logits of tests/golden/fixtures/peft without PEFT, from the files alone, as their README.md says.

LoRA and AdaLoRA are added to the weights, a prefix becomes keys and values of a cache, a prompt rows before the
embeddings; positions and segments are given explicitly, and the row that the classifier reads is taken by hand. Exit 1
where a logit differs by more than 1e-5; computed in float64.

Example: build/peers/bin/python scripts/peers/check_peft_golden.py
"""
import inspect
import json
import math
import os
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache

LIMIT = 1e-5
HEADS = (["score"], ["classifier"])


def load_base(expected, tensors):
    heads = {name.split(".")[-1]: t for name, t in tensors.items() if name.split(".")[-2:-1] in HEADS}
    labels = {"num_labels": heads["weight"].shape[0]} if heads else {}
    model = getattr(transformers, expected["class"]).from_pretrained(expected["base"], dtype=torch.float64, **labels)
    if heads:
        head = model.score if hasattr(model, "score") else model.classifier
        for name, tensor in heads.items():
            getattr(head, name).data = tensor
    return model.eval()


def add_low_rank(model, config, tensors):
    """W += scale · B · A for LoRA, scale · B · (E · A) for AdaLoRA; Conv1D keeps its weight as [in, out]."""
    adalora = config["peft_type"] == "ADALORA"
    for name, a in tensors.items():
        if ".lora_A" not in name:
            continue
        path = name.split(".lora_A")[0].removeprefix("base_model.model.")
        b = tensors[name.replace("lora_A", "lora_B")]
        if adalora:
            a = a * tensors[name.replace("lora_A", "lora_E")]
            scale = config["lora_alpha"] / (config["init_r"] + 1e-5)
        else:
            scale = config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
        module = model.get_submodule(path)
        delta = scale * (b @ a)
        module.weight.data += delta.T if type(module).__name__ == "Conv1D" else delta


def prefix_cache(config, prompt):
    """[virtual, 2 · layers · heads · size]: keys and values in turn, layer after layer."""
    heads = config["num_attention_heads"]
    rows = prompt.view(config["num_virtual_tokens"], 2 * config["num_layers"], heads, config["token_dim"] // heads)
    parts = rows.permute(1, 2, 0, 3)[:, None]  # [2 · layers, 1, heads, virtual, size]
    return DynamicCache([(parts[2 * i], parts[2 * i + 1]) for i in range(config["num_layers"])])


def trunk_of(model):
    return getattr(model, model.base_model_prefix)


def states(model, config, tensors, case):
    """The trunk's last states of every row that it ran."""
    ids = torch.tensor([case["ids"]])
    segments = case.get("token_type_ids", [])
    kind, count = config["peft_type"], config.get("num_virtual_tokens", 0)
    trunk = trunk_of(model)
    inputs = {"input_ids": ids}
    start = 0
    if kind == "PREFIX_TUNING":
        name = "cache" if "cache" in inspect.signature(trunk.forward).parameters else "past_key_values"
        inputs[name] = prefix_cache(config, tensors["prompt_embeddings"])
        start = count
    if kind == "PROMPT_TUNING":
        rows = torch.cat([tensors["prompt_embeddings"][None], model.get_input_embeddings()(ids)], dim=1)
        inputs = {"inputs_embeds": rows}
        segments = [0] * count + segments
    length = ids.shape[1] + (count if kind == "PROMPT_TUNING" else 0)
    inputs["position_ids"] = torch.arange(start, start + length)[None]
    if "token_type_ids" in case:
        inputs["token_type_ids"] = torch.tensor([segments])
    return trunk(**inputs).last_hidden_state[0]


def logits_of(model, config, tensors, case):
    rows = states(model, config, tensors, case)
    if config["task_type"] == "CAUSAL_LM":
        logits = model.lm_head(rows)
        return {"first_logits": logits[-len(case["ids"])], "logits": logits[-1]}
    if hasattr(model, "score"):
        return {"logits": model.score(rows[-1])}
    pooled = torch.tanh(model.bert.pooler.dense(rows[0]))  # of a prompt: its first virtual token
    return {"logits": model.classifier(pooled)}


def check(folder):
    expected = json.loads((folder / "expected.json").read_text())
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = {name: t.double() for name, t in load_file(folder / "adapter_model.safetensors").items()}
    model = load_base(expected, tensors)
    add_low_rank(model, config, tensors)
    worst = 0.0
    for case in expected["cases"]:
        with torch.no_grad():
            for name, value in logits_of(model, config, tensors, case).items():
                worst = max(worst, (value - torch.tensor(case[name], dtype=torch.float64)).abs().max().item())
    return worst


def main():
    torch.set_num_threads(1)
    os.chdir(pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures/peft")
    worst = {}
    for path in sorted(pathlib.Path().glob("*/expected.json")):
        worst[str(path.parent)] = check(path.parent)
        print(f"{path.parent}: {worst[str(path.parent)]:.1e}")
    sys.exit(max(worst.values()) > LIMIT)


if __name__ == "__main__":
    main()
