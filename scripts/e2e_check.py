"""Opens a fine-tuned folder, or an adapter, with transformers or PEFT and compares the
probabilities of some texts with those that `stemma predict` wrote; exit 1 above 1e-4.

e2e_check.py FOLDER TEXTS.txt PREDICTIONS.jsonl
"""
import json
import os
import sys

import torch
from transformers import (AutoModelForSequenceClassification, AutoModelForTokenClassification,
                          AutoTokenizer)

LIMIT = 1e-4


def open_model(folder, task):
    words = task["task"] == "tokens"
    kind = AutoModelForTokenClassification if words else AutoModelForSequenceClassification
    adapter = os.path.join(folder, "adapter_config.json")
    if not os.path.exists(adapter):
        model, info = kind.from_pretrained(folder, output_loading_info=True)
        if info["missing_keys"] or info["unexpected_keys"]:
            sys.exit(f"{folder}: {info}")
        return model.eval()
    from peft import PeftModel

    base = json.load(open(adapter))["base_model_name_or_path"]
    model = kind.from_pretrained(base, num_labels=len(task["labels"]))
    return PeftModel.from_pretrained(model, folder).eval()


def differences(model, tokenizer, task, texts, answers):
    for text, answer in zip(texts, answers, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        probabilities = logits.softmax(-1)
        if task["task"] != "tokens":
            for name, ours in answer["probabilities"].items():
                yield abs(ours - probabilities[task["labels"].index(name)].item())
            continue
        # A word's first piece carries its tag; an entity is as sure as its least sure word.
        encoded = tokenizer(text)
        for entity in answer["entities"]:
            rows = {}
            for place, word in enumerate(encoded.word_ids()):
                if word is None or word in rows:
                    continue
                begin = encoded.token_to_chars(place).start
                if entity["begin"] <= begin < entity["end"]:
                    rows[word] = probabilities[place].max().item()
            yield abs(entity["probability"] - min(rows.values()))


def main():
    folder, texts, answers = sys.argv[1:]
    task = json.load(open(os.path.join(folder, "stemma_task.json")))
    texts = open(texts).read().splitlines()
    answers = [json.loads(line) for line in open(answers)]
    model = open_model(folder, task)
    worst = max(differences(model, AutoTokenizer.from_pretrained(folder), task, texts, answers),
                default=0.0)
    print(f"{type(model).__name__}: largest difference of a probability {worst:.1e}")
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
