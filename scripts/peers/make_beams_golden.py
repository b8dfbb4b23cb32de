#!/usr/bin/env python3
"""Makes tests/golden/fixtures/beams.json: what transformers' beam search writes with the small random
models of the fixtures, in f32. The test that compares with it is tests/golden/beam_search_test.cc.

Example: build/peers/bin/python scripts/peers/make_beams_golden.py
"""
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures"
CASES = [  # beams, length penalty, early stopping, tokens, how many of the ids end a text
    (1, 1.0, False, 12, 1), (2, 1.0, False, 12, 2), (4, 1.0, False, 16, 3), (4, 0.0, False, 16, 30),
    (4, 2.0, False, 16, 30), (4, 1.0, True, 16, 30), (7, 0.6, False, 20, 60), (3, -1.0, False, 10, 30)]


def search(model, prompt, beams, penalty, early, tokens, ends):
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=beams,
                         num_return_sequences=beams, length_penalty=penalty, early_stopping=early,
                         max_new_tokens=tokens, eos_token_id=ends, pad_token_id=ends[0],
                         return_dict_in_generate=True, output_scores=True)
    texts = []
    for row in out.sequences[:, len(prompt):].tolist():
        end = next((i for i, id in enumerate(row) if id in ends), None)
        texts.append(row[:end] if end is not None else row)
    scores = out.sequences_scores.tolist() if beams > 1 else [None]
    return [{"ids": t, "score": s} for t, s in zip(texts, scores)]


def main():
    torch.manual_seed(1)
    cases = []
    for name in ("gpt2-random", "llama-random"):
        model = AutoModelForCausalLM.from_pretrained(FIXTURES / name, dtype=torch.float32).eval()
        for number, (beams, penalty, early, tokens, ends) in enumerate(CASES):
            generator = torch.Generator().manual_seed(number)
            order = torch.randperm(model.config.vocab_size, generator=generator).tolist()
            prompt, end_ids = order[:5], order[5:5 + ends]
            end_ids = sorted({*end_ids, model.config.eos_token_id} - {None})
            texts = search(model, prompt, beams, penalty, early, tokens, end_ids)
            cases.append({"model": name, "beams": beams, "length_penalty": penalty, "early_stopping": early,
                          "max_tokens": tokens, "prompt": prompt, "end_tokens": end_ids, "texts": texts})
    (FIXTURES / "beams.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
