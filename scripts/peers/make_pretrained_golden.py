#!/usr/bin/env python3
"""Makes tests/golden/fixtures/pretrained.json: a few values of real pre-trained models, computed by
transformers in f32 from the weights that scripts/get-model.sh brings. The test that compares with
them is tests/golden/pretrained_test.cc.

Example: build/peers/bin/python scripts/peers/make_pretrained_golden.py models/smollm2 models/minilm
"""
import argparse
import json
import pathlib

import torch
import transformers
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUESTION, SENTENCE = "What is the capital of France?", "The harbour was quiet, and nobody hurried."


def smollm2(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True,
                                           return_dict=False)
    with torch.no_grad():
        last = model(torch.tensor([prompt])).logits[0, -1]
        answer = model.generate(torch.tensor([prompt]), max_new_tokens=32, do_sample=False)[0, len(prompt):].tolist()
    best = last.topk(8)
    return {"question": QUESTION, "prompt": prompt, "best_ids": best.indices.tolist(),
            "best_logits": [round(v, 6) for v in best.values.tolist()],
            "answer": [t for t in answer if t not in tokenizer.all_special_ids]}


def minilm(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    ids = tokenizer(SENTENCE).input_ids
    with torch.no_grad():
        states = model(torch.tensor([ids])).last_hidden_state[0]
    vector = torch.nn.functional.normalize(states.mean(0), dim=0)
    return {"text": SENTENCE, "ids": ids, "first_state": [round(v, 7) for v in states[0, :12].tolist()],
            "vector": [round(v, 8) for v in vector[:12].tolist()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smollm2")
    parser.add_argument("minilm")
    args = parser.parse_args()
    out = {"made_by": "scripts/peers/make_pretrained_golden.py", "transformers": transformers.__version__,
           "torch": torch.__version__, "smollm2": smollm2(args.smollm2), "minilm": minilm(args.minilm)}
    (ROOT / "tests/golden/fixtures/pretrained.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
