#!/usr/bin/env python3
"""Makes tests/golden/fixtures/peft with transformers and PEFT: tiny random bases, adapters for them, and their logits.

Every trainable value is N(0, 0.3), so that a wrong scale, order or name shows. Adapters are saved with
save_pretrained, opened again, and run on each sequence alone, in float32. What the files hold and how PEFT computes is
described in tests/golden/fixtures/peft/README.md; check_peft_golden.py computes the same without PEFT.

Example: build/peers/bin/python scripts/peers/make_peft_golden.py
"""
import argparse
import json
import os
import pathlib

import peft
import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import (BertForSequenceClassification, BertModel, GPT2ForSequenceClassification, GPT2LMHeadModel,
                          LlamaForCausalLM, LlamaForSequenceClassification)

from make_golden import randomise
from make_heads_golden import VOCAB, plain, trunk_config, write_json

BASES = {"gpt2": GPT2LMHeadModel, "llama": LlamaForCausalLM, "bert": BertModel}
CLASSIFIERS = {"gpt2": GPT2ForSequenceClassification, "llama": LlamaForSequenceClassification,
               "bert": BertForSequenceClassification}
LENGTHS = (7, 1, 19)
VIRTUAL, LABELS = 5, 3
TASK_TYPES = {"lm": "CAUSAL_LM", "classification": "SEQ_CLS"}
LORA = {"r": 4, "lora_alpha": 6, "lora_dropout": 0.1}
ADALORA = {"init_r": 6, "target_r": 3, "lora_alpha": 9, "total_step": 6, "tinit": 1, "tfinal": 2}


def adapters(family):
    """Name: a function of the task type that gives the configuration."""
    kinds = {"lora": lambda task: LoraConfig(task_type=task, **LORA)}
    if family == "gpt2":
        kinds["lora-wide"] = lambda task: LoraConfig(
            task_type=task, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, **LORA)
    if family == "llama":
        kinds["lora-all"] = lambda task: LoraConfig(task_type=task, target_modules="all-linear", **LORA)
        kinds["lora-rslora"] = lambda task: LoraConfig(task_type=task, use_rslora=True, **LORA)
    return kinds | {
        "adalora": lambda task: AdaLoraConfig(task_type=task, **ADALORA),
        "prefix": lambda task: PrefixTuningConfig(task_type=task, num_virtual_tokens=VIRTUAL),
        "prompt": lambda task: PromptTuningConfig(task_type=task, num_virtual_tokens=VIRTUAL)}


def make_base(family, seed):
    config = trunk_config(family, **({"tie_word_embeddings": False} if family == "llama" else {}))
    model = BASES[family](config)
    randomise(model, seed)
    folder = pathlib.Path(f"{family}-base")
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def load_base(family, task, dtype=torch.float32):
    """The base with the head of `task`; a new classifier stays random until the adapter's is loaded."""
    if task == "lm":
        return BASES[family].from_pretrained(f"{family}-base", dtype=dtype).eval()
    return CLASSIFIERS[family].from_pretrained(f"{family}-base", num_labels=LABELS, dtype=dtype).eval()


def randomise_adapter(model, seed, std=0.3):
    """What trains: the adapter and the classifier beside it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, p in sorted(model.named_parameters(), key=lambda item: item[0]):
            if p.requires_grad:
                p.copy_(std * torch.randn(p.shape, generator=generator))


def allocate_ranks(model, inputs, seed):
    """A few AdaLoRA steps on any loss, so that the configuration holds a rank pattern; then new random values, with
    those of the dropped ranks still 0."""
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for step in range(ADALORA["total_step"]):
        optimiser.zero_grad()
        logits = model(input_ids=torch.tensor([inputs[0]["ids"]])).logits
        (logits ** 2).mean().backward()
        optimiser.step()
        model.base_model.update_and_allocate(step)
    randomise_adapter(model, seed)
    pattern = model.peft_config["default"].rank_pattern
    model.base_model.rankallocator.mask_using_rank_pattern(model.base_model.model, pattern)


def make_inputs(family, seed):
    generator = torch.Generator().manual_seed(seed)
    cases = [{"ids": torch.randint(1, VOCAB, (length,), generator=generator).tolist()} for length in LENGTHS]
    if family == "bert":
        for case in cases:
            length = len(case["ids"])
            case["token_type_ids"] = [int(t >= (length + 1) // 2) for t in range(length)]
    return cases


def forward(model, task, case):
    """Logits of one sequence alone. For a language model only the rows of the first and the last of its ids."""
    inputs = {"input_ids" if key == "ids" else key: torch.tensor([case[key]]) for key in ("ids", "token_type_ids")
              if key in case}
    with torch.no_grad():
        logits = model(**inputs).logits[0]
    if task == "classification":
        return {"logits": logits}
    return {"rows": len(logits), "first_logits": logits[-len(case["ids"])], "logits": logits[-1]}


def tidy_folder(folder):
    """Removes the model card. PEFT writes these lists from sets, in another order every time."""
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
    for file in folder.iterdir():
        file.chmod(0o644)


def difference(a, b):
    return max(float((x[key] - y[key]).abs().max()) for x, y in zip(a, b) for key in x if key != "rows")


def make_adapter(family, task, kind, config, seed):
    folder = pathlib.Path(f"{family}-{kind}-{task}")
    inputs = make_inputs(family, seed + 1)
    torch.manual_seed(seed)
    model = get_peft_model(load_base(family, task), config).eval()
    randomise_adapter(model, seed)
    if kind == "adalora" and family != "bert":
        allocate_ranks(model, inputs, seed)
    before = [forward(model, task, case) for case in inputs]
    model.save_pretrained(folder)
    tidy_folder(folder)
    model = PeftModel.from_pretrained(load_base(family, task), folder).eval()
    results = [forward(model, task, case) for case in inputs]
    assert difference(before, results) < 1e-5, f"{folder}: saved and opened again it gives other logits"
    write_json(folder / "expected.json", {
        "made_by": "scripts/peers/make_peft_golden.py", "transformers": transformers.__version__,
        "peft": peft.__version__, "base": f"{family}-base", "class": type(model.get_base_model()).__name__,
        "cases": [case | {k: v if isinstance(v, int) else plain(v) for k, v in result.items()}
                  for case, result in zip(inputs, results)]})
    print(json.dumps({"folder": str(folder), "bytes": sum(f.stat().st_size for f in folder.iterdir()),
                      "largest logit": max(float(r["logits"].abs().max()) for r in results)}))


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=root / "tests/golden/fixtures/peft")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    os.chdir(args.output)  # adapter_config.json names the base as it was opened: "gpt2-base"
    seed = 400
    for family in BASES:
        make_base(family, seed)
        for task in ("classification",) if family == "bert" else TASK_TYPES:
            for kind, config in adapters(family).items():
                seed += 10
                make_adapter(family, task, kind, config(TASK_TYPES[task]), seed)


if __name__ == "__main__":
    main()
