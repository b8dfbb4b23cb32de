"""Compares SmolLM2 (or another Llama-layout GGUF) in Stemma with transformers, on the same weights
dequantised to F32, and with llama.cpp, on an F32 GGUF of them.

    python scripts/peers/check_llama.py --gguf models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
        --text ../shared/data/wikitext2/test.txt

1. Logits of 512 random tokens: the largest difference, beside the largest logit.
2. Greedy answers to 20 chat prompts, 48 tokens each: equal ids, or the two best logits closer than
   1e-3 where they first differ.
3. Perplexity of the first 100 kB of a text, windows of 1,024 tokens with stride 512.

Exit code 1 where one of them does not hold. requirements.txt has the packages; llama-cpp-python is
left out where it cannot be imported.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINDOW, STRIDE, TEXT_BYTES = 1024, 512, 100_000
ANSWER = 48
PROMPTS = [
    "What is the capital of France?", "Name three fruits.", "Why is the sky blue?",
    "Write a haiku about rain.", "What is 7 times 8?", "Explain gravity to a child.",
    "Translate 'good morning' into Spanish.", "Who wrote Hamlet?", "Give me a recipe for pancakes.",
    "What does HTTP stand for?", "How do I boil an egg?", "List the days of the week.",
    "Write a Python function that adds two numbers.", "What is photosynthesis?",
    "Tell me a joke.", "How many legs does a spider have?", "What is the largest ocean?",
    "Summarize the story of Cinderella in one sentence.", "What is machine learning?",
    "Should I bring an umbrella if it rains?",
]  # fmt: skip


def stemma(*words):
    done = subprocess.run([str(ARGS.stemma), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def check_logits(model):
    torch.manual_seed(1)
    ids = torch.randint(17, model.config.vocab_size, (512,)).tolist()
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits[0]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "logits.safetensors"
        stemma("logits", "--model", ARGS.gguf, "--ids", ",".join(map(str, ids)), "--precision", "f32",
               "--output", file)  # fmt: skip
        got = load_file(file)["logits"]
    largest = wanted.abs().max().item()
    difference = (got - wanted).abs().max().item()
    print(f"logits of {len(ids)} tokens: largest {largest:.3f}, largest difference {difference:.2e} = "
          f"{difference / largest:.1e} of it (bound 2e-5)")  # fmt: skip
    return difference <= 2e-5 * largest


def greedy_transformers(model, prompt):
    with torch.no_grad():
        out = model.generate(torch.tensor([prompt]), max_new_tokens=ANSWER, do_sample=False)
    return out[0, len(prompt) :].tolist()


def gap_at(model, ids):
    """Between the two best logits after these ids."""
    with torch.no_grad():
        best = model(torch.tensor([ids])).logits[0, -1].topk(2).values
    return (best[0] - best[1]).item()


def same_or_tied(model, prompt, ours, theirs, end):
    """Both without the end token; returns (equal, reason allowed)."""
    ours, theirs = ([t for t in ids if t not in end] for ids in (ours, theirs))
    if ours == theirs:
        return True, True
    first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return False, gap_at(model, prompt + ours[:first]) < 1e-3


def write_f32_gguf(path):
    reader = gguf.GGUFReader(ARGS.gguf)
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=sub)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_chat(model, tokenizer):
    try:
        from llama_cpp import Llama
    except ImportError:
        Llama = None
        print("llama.cpp: not installed, left out")
    end = {model.config.eos_token_id, *tokenizer.all_special_ids}
    peers = {"transformers": lambda ids: greedy_transformers(model, ids)}
    folder = tempfile.TemporaryDirectory()
    if Llama:
        path = pathlib.Path(folder.name) / "f32.gguf"
        write_f32_gguf(path)
        llama = Llama(str(path), n_ctx=2048, n_threads=2, verbose=False)

        def greedy_llama(ids):
            llama.reset()
            out = []
            for token in llama.generate(ids, temp=0.0, repeat_penalty=1.0):
                if token in end or len(out) == ANSWER:
                    break
                out.append(token)
            return out

        peers["llama.cpp"] = greedy_llama
    counts = {name: [0, 0] for name in peers}
    for text in PROMPTS:
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                               return_dict=False)  # fmt: skip
        got = json.loads(stemma("generate", "--model", ARGS.gguf, "--chat", text, "--max-tokens", ANSWER,
                                "--temperature", "0", "--precision", "f32", "--json"))  # fmt: skip
        for name, greedy in peers.items():
            equal, allowed = same_or_tied(model, prompt, got["ids"], greedy(prompt), end)
            counts[name][0] += equal
            counts[name][1] += equal or allowed
    for name, (equal, allowed) in counts.items():
        print(f"greedy answers to {len(PROMPTS)} chat prompts, {ANSWER} tokens: {equal} equal to {name}'s, "
              f"{allowed - equal} differ where the two best logits are closer than 1e-3, "
              f"{len(PROMPTS) - allowed} otherwise")  # fmt: skip
    return all(allowed == len(PROMPTS) for _, allowed in counts.values())


def check_perplexity(model, tokenizer):
    text = ARGS.text.read_bytes()[:TEXT_BYTES].decode("utf-8", "ignore")
    ids = [tokenizer.bos_token_id] + tokenizer(text, add_special_tokens=False).input_ids
    nats, scored = 0.0, 0
    for begin in range(0, len(ids), STRIDE):
        last = min(begin + WINDOW, len(ids) - 1)
        with torch.no_grad():
            logits = model(torch.tensor([ids[begin:last]])).logits[0]
        fresh = scored - begin
        losses = torch.nn.functional.cross_entropy(logits[fresh:], torch.tensor(ids[begin + 1 + fresh : last + 1]),
                                                   reduction="sum")  # fmt: skip
        nats, scored = nats + losses.item(), last
        if last == len(ids) - 1:
            break
    wanted = math.exp(nats / scored)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        got = json.loads(stemma("eval", "perplexity", "--model", ARGS.gguf, "--text", file.name, "--window", WINDOW,
                                "--precision", "f32", "--json"))  # fmt: skip
    print(f"perplexity of {len(text)} characters, {scored} tokens: {wanted:.4f} in transformers, "
          f"{got['perplexity']:.4f} here ({got['tokens']} tokens)")  # fmt: skip
    return got["tokens"] == scored and abs(got["perplexity"] - wanted) < 5e-4 * wanted


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder, name = str(ARGS.gguf.parent), ARGS.gguf.name
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    with tempfile.TemporaryDirectory() as converted:
        stemma("convert", "--from", ARGS.gguf, "--to", converted)
        tokenizer = AutoTokenizer.from_pretrained(converted)
    results = [check_logits(model), check_chat(model, tokenizer)]
    if ARGS.text:
        results.append(check_perplexity(model, tokenizer))
    return 0 if all(results) else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=pathlib.Path, required=True)
    parser.add_argument("--stemma", default=ROOT / "build/release/src/cli/stemma")
    parser.add_argument("--text", type=pathlib.Path, help="a text whose first 100 kB are scored")
    return parser.parse_args()


ARGS = arguments()
sys.exit(main())
