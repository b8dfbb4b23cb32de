#!/usr/bin/env python3
"""Makes tests/golden/fixtures/peft/llama-{lora,adalora}-training: training steps of PEFT adapters on llama-base.

Three sequences with labels are one batch; the loss is the mean of their cross-entropies. Each goes through the model
alone, so there is no padding. Computed in float64 from float32 files, stored as float32; what PEFT computes is written
down in tests/golden/fixtures/peft/README.md. make_peft_golden.py comes first: it makes the base.

Example: build/peers/bin/python scripts/peers/make_peft_training.py
"""
import json
import os
import pathlib
import shutil

import peft
import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model

from make_heads_golden import plain
from make_peft_golden import LABELS, load_base, make_inputs, randomise_adapter, tidy_folder

ADAMW = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "clip": 1.0}
BATCH_LABELS = (2, 0, 1)
RUNS = {"lora": (LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=6), 5, 0.3),
        "adalora": (AdaLoraConfig(task_type="SEQ_CLS", init_r=6, target_r=3, tinit=2, tfinal=3, deltaT=1, beta1=0.85,
                                  beta2=0.85, orth_reg_weight=0.5, total_step=12, lora_alpha=9), 12, 0.18)}


def make_start(kind, config, std, seed):
    """The adapter before the first step, as saved by PEFT."""
    folder = pathlib.Path(f"llama-{kind}-training/start")
    torch.manual_seed(seed)
    model = get_peft_model(load_base("llama", "classification"), config)
    randomise_adapter(model, seed, std)
    model.save_pretrained(folder)
    tidy_folder(folder)
    return folder


def open_start(folder, dtype):
    """For training, without dropout (the configurations have none); every value in `dtype`."""
    model = PeftModel.from_pretrained(load_base("llama", "classification"), folder, is_trainable=True).to(dtype)
    return model.eval()


def loss_of(model, cases):
    """The mean over the batch. PEFT adds AdaLoRA's orthogonality term to every loss, so also to their mean."""
    losses = [model(input_ids=torch.tensor([case["ids"]]), labels=torch.tensor([case["label"]])).loss for case in cases]
    return sum(losses) / len(losses)


def orthogonality(model):
    """AdaLoRA's term, with its weight, computed beside PEFT."""
    named = [(n, p) for n, p in model.named_parameters() if "lora_A" in n or "lora_B" in n]
    norms = []
    for name, p in named:
        gram = p @ p.T if "lora_A" in name else p.T @ p
        norms.append(torch.linalg.norm(gram - torch.eye(len(gram), dtype=p.dtype)))
    return model.peft_config["default"].orth_reg_weight * sum(norms) / len(norms)


def keep_scores(allocator, kept):
    """Notes the importance of every triplet, and how far the worst that stayed is from the best that went."""
    mask = allocator.mask_to_budget

    def masking(model, budget):
        pattern = mask(model, budget)
        scores = {}
        for name in pattern:
            score = {part: allocator.exp_avg_ipt[n] * allocator.exp_avg_unc[n] for part in "AEB"
                     for n in [name.replace("lora_E", f"lora_{part}")]}
            scores[name] = score["E"].view(-1) + score["A"].mean(1) + score["B"].mean(0)
        stay = min(s for name in pattern for s, keep in zip(scores[name].tolist(), pattern[name]) if keep)
        go = max(s for name in pattern for s, keep in zip(scores[name].tolist(), pattern[name]) if not keep)
        kept.update(scores={short(n): plain(s) for n, s in scores.items()}, margin=plain(stay / go))
        return pattern

    allocator.mask_to_budget = masking


def short(name):
    return name.removeprefix("model.").removesuffix(".lora_E.default")


def allocate(model, step, kept):
    """PEFT's call after a step, and what came of it."""
    kept.clear()
    budget, _ = model.base_model.rankallocator.budget_schedule(step)
    model.base_model.update_and_allocate(step)
    values = {short(n): p for n, p in model.base_model.model.named_parameters() if "lora_E" in n}
    mask = {name: [int(x) for x in (p.view(-1) != 0)] for name, p in values.items()}
    return {"budget": budget, "ranks": {name: sum(row) for name, row in mask.items()}, "mask": mask} | kept


def train(model, cases, steps):
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"],
                                  weight_decay=ADAMW["weight_decay"])
    adalora = model.peft_config["default"].peft_type == "ADALORA"
    record, kept = [], {}
    if adalora:
        keep_scores(model.base_model.rankallocator, kept)
    for step in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model, cases)
        loss.backward()
        row = {"step": step, "loss": loss.item()}
        if adalora:
            row["orthogonality"] = orthogonality(model).item()
        row["gradient_norm"] = torch.nn.utils.clip_grad_norm_(parameters, ADAMW["clip"]).item()
        optimiser.step()
        record.append({k: plain(v) if isinstance(v, float) else v for k, v in row.items()} |
                      (allocate(model, step, kept) if adalora else {}))
    record.append({"step": steps, "loss": plain(loss_of(model, cases).item())})
    return record


def write_record(path, head, record):
    rows = ",\n".join("  " + json.dumps(row) for row in record)
    lines = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    path.write_text("{\n" + lines + ' "steps": [\n' + rows + "\n ]\n}\n")


def values_of(model):
    return {n: p.detach().clone().double() for n, p in model.named_parameters() if p.requires_grad}


def make(kind, seed):
    config, steps, std = RUNS[kind]
    shutil.rmtree(f"llama-{kind}-training", ignore_errors=True)
    start = make_start(kind, config, std, seed)
    cases = [case | {"label": label} for case, label in zip(make_inputs("llama", seed + 1), BATCH_LABELS)]
    assert max(BATCH_LABELS) < LABELS
    single = open_start(start, torch.float32)
    single_record = train(single, cases, steps)
    model = open_start(start, torch.float64)
    record = train(model, cases, steps)
    apart = max((values_of(single)[n] - v).abs().max().item() for n, v in values_of(model).items())
    final = start.parent / "final"
    model.float().save_pretrained(final)
    tidy_folder(final)
    for row in record:
        assert row.get("mask") == single_record[row["step"]].get("mask"), "float32 chooses other ranks"
    write_record(start.parent / "training.json", {
        "made_by": "scripts/peers/make_peft_training.py", "transformers": transformers.__version__,
        "peft": peft.__version__, "torch": torch.__version__, "computed_in": "float64", "adamw": ADAMW,
        "batch": cases}, record)
    (start.parent / "training.json").chmod(0o644)
    print(json.dumps({"run": kind, "losses": [row["loss"] for row in record],
                      "gradient_norms": [row.get("gradient_norm") for row in record],
                      "budgets": [row.get("budget") for row in record],
                      "ranks": [list(row["ranks"].values()) for row in record if "ranks" in row],
                      "smallest kept over largest dropped score": [row["margin"] for row in record if "margin" in row],
                      "f32_against_f64": {
                          "losses": max(abs(a["loss"] - b["loss"]) for a, b in zip(record, single_record)),
                          "values": apart}}))


def main():
    torch.set_num_threads(1)
    os.chdir(pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures/peft")
    make("lora", 900)
    make("adalora", 910)


if __name__ == "__main__":
    main()
