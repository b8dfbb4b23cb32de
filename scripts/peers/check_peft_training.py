#!/usr/bin/env python3
"""Trains the adapters of tests/golden/fixtures/peft/llama-*-training again without PEFT, as their README.md says.

AdamW and AdaLoRA's importance, budget and masks are written out here, in float64. Exit 1 where a loss, a mask, an
importance or a final value differs from what PEFT gave.

Example: build/peers/bin/python scripts/peers/check_peft_training.py
"""
import json
import os
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.func import functional_call
from transformers import LlamaForSequenceClassification

LIMIT = 1e-6
SCORE = "base_model.model.score.weight"


def part(name, letter):
    return name.replace("lora_E", f"lora_{letter}")


def module_of(name):
    return name.split(".lora_")[0].removeprefix("base_model.model.")


def loss_of(model, config, values, cases):
    """The mean cross-entropy, and AdaLoRA's orthogonality term or 0."""
    weights = dict(model.state_dict()) | {"score.weight": values[SCORE]}
    norms = []
    for name in values:
        if ".lora_A" not in name:
            continue
        a, b = values[name], values[name.replace("lora_A", "lora_B")]
        if config["peft_type"] == "ADALORA":
            norms += [torch.linalg.norm(m - torch.eye(len(m), dtype=m.dtype)) for m in (a @ a.T, b.T @ b)]
            a = a * values[name.replace("lora_A", "lora_E")]
            scale = config["lora_alpha"] / (config["init_r"] + 1e-5)
        else:
            scale = config["lora_alpha"] / config["r"]
        key = module_of(name) + ".weight"
        weights[key] = weights[key] + scale * (b @ a)
    losses = [F.cross_entropy(functional_call(model, weights, (torch.tensor([case["ids"]]),)).logits,
                              torch.tensor([case["label"]])) for case in cases]
    return sum(losses) / len(losses), config["orth_reg_weight"] * sum(norms) / len(norms) if norms else torch.zeros(())


class AdamW:
    def __init__(self, values, settings):
        self.s, self.t = settings, 0
        self.m = {n: torch.zeros_like(v) for n, v in values.items()}
        self.v = {n: torch.zeros_like(v) for n, v in values.items()}

    def step(self, values, gradients):
        s, self.t = self.s, self.t + 1
        for n, g in gradients.items():
            self.m[n] = s["beta1"] * self.m[n] + (1 - s["beta1"]) * g
            self.v[n] = s["beta2"] * self.v[n] + (1 - s["beta2"]) * g * g
            m, v = self.m[n] / (1 - s["beta1"] ** self.t), self.v[n] / (1 - s["beta2"] ** self.t)
            values[n].data = values[n].data * (1 - s["lr"] * s["weight_decay"]) - s["lr"] * m / (v.sqrt() + s["eps"])


class Allocator:
    """AdaLoRA's ranks. `values` are those after the optimiser's step, `gradients` the clipped ones before it."""

    def __init__(self, config, values):
        self.c = config
        self.names = [n for n in values if ".lora_E" in n]
        self.first = sum(len(values[n]) for n in self.names)
        self.last = config["target_r"] * len(self.names)
        self.sensitivity = {n: torch.zeros_like(v) for n, v in values.items()}
        self.uncertainty = {n: torch.zeros_like(v) for n, v in values.items()}
        self.masks, self.scores = None, None

    def update_importance(self, values, gradients):
        for n, g in gradients.items():
            now = (values[n].detach() * g).abs()
            self.sensitivity[n] = self.c["beta1"] * self.sensitivity[n] + (1 - self.c["beta1"]) * now
            apart = (now - self.sensitivity[n]).abs()
            self.uncertainty[n] = self.c["beta2"] * self.uncertainty[n] + (1 - self.c["beta2"]) * apart

    def choose(self, budget):
        def score(n):
            return self.sensitivity[n] * self.uncertainty[n]

        self.scores = {n: score(n).view(-1) + score(part(n, "A")).mean(1) + score(part(n, "B")).mean(0)
                       for n in self.names}
        threshold = torch.cat(list(self.scores.values())).sort().values[self.first - budget - 1]
        self.masks = {n: s > threshold for n, s in self.scores.items()}

    def after_step(self, step, values, gradients):
        start, end = self.c["tinit"], self.c["total_step"] - self.c["tfinal"]
        self.scores = None
        if step < end:
            self.update_importance(values, gradients)
        if start < step <= end and (step % self.c["deltaT"] == 0 or step == end):
            left = 1 - (step - start) / (end - start)
            self.choose(int((self.first - self.last) * left ** 3 + self.last))
        elif step <= end:
            return
        for n, mask in self.masks.items():
            values[n].data[~mask] = 0


def train(folder):
    """Yields for every step what training.json has, last the values."""
    record = json.loads((folder / "training.json").read_text())
    config = json.loads((folder / "start/adapter_config.json").read_text())
    model = LlamaForSequenceClassification.from_pretrained("llama-base", num_labels=3, dtype=torch.float64).eval()
    tensors = load_file(folder / "start/adapter_model.safetensors")
    values = {n: t.double().requires_grad_() for n, t in tensors.items()}
    optimiser = AdamW(values, record["adamw"])
    allocator = Allocator(config, values) if config["peft_type"] == "ADALORA" else None
    worst = 0.0
    for row in record["steps"]:
        task, orthogonality = loss_of(model, config, values, record["batch"])
        loss = task + orthogonality
        worst = max(worst, abs(loss.item() - row["loss"]))
        if "gradient_norm" not in row:
            break
        gradients = dict(zip(values, torch.autograd.grad(loss, list(values.values()))))
        norm = torch.linalg.norm(torch.cat([g.flatten() for g in gradients.values()])).item()
        worst = max(worst, abs(norm - row["gradient_norm"]), abs(orthogonality.item() - row.get("orthogonality", 0)))
        clip = min(1.0, record["adamw"]["clip"] / (norm + 1e-6))
        gradients = {n: clip * g for n, g in gradients.items()}
        optimiser.step(values, gradients)
        if allocator:
            allocator.after_step(row["step"], values, gradients)
            worst = max(worst, compare_ranks(allocator, values, row))
    return max(worst, compare_final(folder / "final", allocator, values))


def compare_ranks(allocator, values, row):
    def short(name):
        return module_of(name).removeprefix("model.")

    masks = {short(n): (values[n].view(-1) != 0).int().tolist() for n in allocator.names}
    assert masks == row["mask"], (row["step"], masks)
    assert ("scores" in row) == (allocator.scores is not None), row["step"]
    if allocator.scores is None:
        return 0.0
    return max((s / torch.tensor(row["scores"][short(n)], dtype=s.dtype) - 1).abs().max().item()
               for n, s in allocator.scores.items())


def compare_final(folder, allocator, values):
    worst = 0.0
    for n, tensor in load_file(folder / "adapter_model.safetensors").items():
        value = values[n].detach()
        if allocator and ".lora_" in n:
            mask = allocator.masks[n.replace("lora_A", "lora_E").replace("lora_B", "lora_E")]
            value = value[:, mask] if ".lora_B" in n else value[mask]
        worst = max(worst, (value - tensor).abs().max().item())
    return worst


def main():
    torch.set_num_threads(1)
    os.chdir(pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures/peft")
    worst = {str(path.parent): train(path.parent) for path in sorted(pathlib.Path().glob("*/training.json"))}
    print("\n".join(f"{name}: {value:.1e}" for name, value in worst.items()))
    sys.exit(max(worst.values()) > LIMIT)


if __name__ == "__main__":
    main()
