#!/usr/bin/env python3
"""Makes tests/golden/fixtures/heads with transformers: a tiny random model for every class with a head, and its logits.

Trunks as make_golden.py draws them; heads are N(0, 0.5), their biases too, so that a wrong row or a forgotten bias
shows. Every sequence goes through the model alone, in float32, as a user would run it: no padding, no mask. What the
files hold is described in tests/golden/fixtures/heads/README.md.

Example: build/peers/bin/python scripts/peers/make_heads_golden.py
"""
import argparse
import json
import pathlib

import torch
import transformers
from transformers import (BertConfig, BertForMultipleChoice, BertForSequenceClassification, BertForTokenClassification,
                          GPT2Config, GPT2ForSequenceClassification, GPT2ForTokenClassification, LlamaConfig,
                          LlamaForSequenceClassification, LlamaForTokenClassification, OpenAIGPTConfig,
                          OpenAIGPTForSequenceClassification)

from make_golden import DROPOUT_OFF, randomise

VOCAB, CONTEXT = 101, 24
LENGTHS = (7, 1, CONTEXT, 12)
SENTIMENT = ("negative", "neutral", "positive")
ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
FLAGS = ("insult", "threat", "spam", "off topic")
HEADS = ("score", "classifier")
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
# Folder: class, names of the labels, problem type (None: the key is left out of config.json).
MODELS = {
    "gpt1-classification": (OpenAIGPTForSequenceClassification, SENTIMENT, None),
    "gpt2-classification": (GPT2ForSequenceClassification, SENTIMENT, None),
    "gpt2-tokens": (GPT2ForTokenClassification, ENTITIES, None),
    "llama-classification": (LlamaForSequenceClassification, SENTIMENT, SINGLE),
    "llama-tokens": (LlamaForTokenClassification, ENTITIES, None),
    "bert-classification": (BertForSequenceClassification, SENTIMENT, None),
    "bert-regression": (BertForSequenceClassification, ("similarity",), "regression"),
    "bert-multi-label": (BertForSequenceClassification, FLAGS, MULTI),
    "bert-tokens": (BertForTokenClassification, ENTITIES, None),
    "bert-choice": (BertForMultipleChoice, None, None),
}


def trunk_config(family, **more):
    """The small sizes of a family; also for make_peft_golden.py."""
    if family == "gpt1":
        return OpenAIGPTConfig(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=32, n_head=4, n_layer=2, afn="gelu",
                               **DROPOUT_OFF, **more)
    if family == "gpt2":
        return GPT2Config(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=32, n_head=4, n_layer=2, n_inner=40,
                          bos_token_id=100, eos_token_id=100, **DROPOUT_OFF, **more)
    if family == "llama":
        return LlamaConfig(vocab_size=VOCAB, max_position_embeddings=CONTEXT, hidden_size=32, num_attention_heads=4,
                           num_key_value_heads=2, num_hidden_layers=2, intermediate_size=40, bos_token_id=100,
                           eos_token_id=100, **more)
    return BertConfig(vocab_size=VOCAB, max_position_embeddings=CONTEXT, hidden_size=32, num_attention_heads=4,
                      num_hidden_layers=2, intermediate_size=40, hidden_dropout_prob=0.0,
                      attention_probs_dropout_prob=0.0, **more)


def make_model(name, seed):
    kind, labels, problem = MODELS[name]
    more = {"problem_type": problem} if problem else {}
    if labels:
        more |= {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    model = kind(trunk_config(name.split("-")[0], **more)).eval()
    randomise(model, seed)
    randomise_heads(model, seed + 100)
    return model


def randomise_heads(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.split(".")[0] in HEADS:
                p.copy_(0.5 * torch.randn(p.shape, generator=generator))


def make_inputs(family, seed):
    """Sequences of different lengths; for BERT with the kinds of two texts, the first of them with one text only.
    No id is 0, which is BERT's padding."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for number, length in enumerate(LENGTHS):
        case = {"ids": torch.randint(1, VOCAB, (length,), generator=generator).tolist()}
        if family == "bert":
            cut = length if number == 0 else (length + 1) // 2
            case["token_type_ids"] = [int(t >= cut) for t in range(length)]
        cases.append(case)
    return cases


def plain(tensor):
    """Nested lists with as many digits as float32 needs."""
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.tolist()
    return [plain(x) for x in tensor] if isinstance(tensor, list) else float(f"{tensor:.9g}")


def forward(model, case):
    """The logits of one sequence alone: [labels], or [T, labels] of a model for tokens."""
    inputs = {"input_ids" if key == "ids" else key: torch.tensor([value]) for key, value in case.items()
              if key in ("ids", "token_type_ids")}
    if isinstance(model, BertForMultipleChoice):
        inputs = {key: value[None] for key, value in inputs.items()}
    with torch.no_grad():
        return model(**inputs).logits[0]


def make_cases(model, name, seed):
    inputs = make_inputs(name.split("-")[0], seed)
    if name == "bert-choice":
        more = make_inputs("bert", seed + 1)
        groups = [inputs[:2] + more[2:], inputs[2:], more[:3]]
        return [{"choices": group, "logits": plain(torch.cat([forward(model, choice) for choice in group]))}
                for group in groups]
    return [case | {"logits": plain(forward(model, case))} for case in inputs]


def write_json(path, value):
    """One case a line."""
    cases = ",\n".join("  " + json.dumps(case) for case in value.pop("cases"))
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items())
    path.write_text("{\n" + head + ",\n \"cases\": [\n" + cases + "\n ]\n}\n")


def make(name, seed, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model(name, seed)
    model.save_pretrained(folder)
    model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
    write_json(folder / "expected.json", {
        "made_by": "scripts/peers/make_heads_golden.py", "transformers": transformers.__version__,
        "class": type(model).__name__, "cases": make_cases(model, name, seed + 200)})
    for file in folder.iterdir():
        file.chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    print(json.dumps({"folder": name, "bytes": sum(f.stat().st_size for f in folder.iterdir()),
                      "pad_token_id": config.get("pad_token_id", "no such key"),
                      "problem_type": config.get("problem_type", "no such key"),
                      "head": {n: list(p.shape) for n, p in model.named_parameters()
                               if n.split(".")[0] in HEADS or "pooler" in n}}))


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=root / "tests/golden/fixtures/heads")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed, name in enumerate(MODELS, start=21):
        make(name, seed, args.output / name)


if __name__ == "__main__":
    main()
