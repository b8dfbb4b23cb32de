"""Opens the tokenizer files that Stemma writes in tiktoken, `tokenizers` and transformers: equal ids.

    build/peers/bin/python scripts/peers/check_tokenizer_files.py [--stemma PROGRAM] [--only NAME...] [--] [FILE...]

Converts published encodings, a trained one and a character tokenizer through every form that can hold them
(folder, .tiktoken, vocab.txt and back) and encodes sample texts and the FILEs with each. Prints a line for each
tokenizer; exit 1 where an id differs.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tiktoken
import tiktoken.load
import tokenizers
import transformers

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = PROJECT / "tests/text/fixtures/training_corpus.txt"
PUBLISHED = ["gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base"]
# No special tokens: transformers would match them.
TEXTS = ["", "\n  ", "a\r\n\r\nb   \n   ", "\n".join([
    "Hello world", "It's I'LL we've don'T  x\n\n  y\t\n ", "Zürich žluťoučký 12345678 中文字 한국어 हिन्दी",
    "()[]{}//\n\n;;\n  x == y != z", "👩‍👩‍👧 e\u0301 \u00a0\u2028x", "CamelCaseWORDS andMore iPhone",
    " " * 100 + "x" + "a" * 300, CORPUS.read_text()])]


class Stemma:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments):
        subprocess.run([self.program, *arguments], check=True, stdout=subprocess.DEVNULL)

    def encode(self, tokenizer, texts):
        ids = []
        for text in texts:
            (self.folder / "text").write_bytes(text.encode())
            self.run("tokenizer", "encode", "--tokenizer", tokenizer, "--input", self.folder / "text",
                     "--output", self.folder / "ids.npy")
            ids.append(np.load(self.folder / "ids.npy").tolist())
        return ids

    def convert(self, tokenizer, name):
        output = self.folder / name
        self.run("tokenizer", "convert", "--tokenizer", tokenizer, "--output", output)
        return output


def by_tiktoken(path, texts):
    rules = json.loads(path.with_suffix(".json").read_text())
    encoding = tiktoken.Encoding(
        rules["name"], pat_str=rules["pat_str"], special_tokens=rules["special_tokens"],
        mergeable_ranks=tiktoken.load.load_tiktoken_bpe(str(path)),
        explicit_n_vocab=rules.get("explicit_n_vocab"))
    return [encoding.encode_ordinary(text) for text in texts]


def by_tokenizers(folder, texts):
    opened = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [opened.encode(text, add_special_tokens=False).ids for text in texts]


def by_transformers(folder, texts):
    opened = transformers.AutoTokenizer.from_pretrained(str(folder))
    return [opened(text, add_special_tokens=False)["input_ids"] for text in texts]


def forms_of_bpe(stemma, source, name, texts):
    """(what was opened, by what, ids)"""
    folder = stemma.convert(source, f"{name}-folder")
    ranks = stemma.convert(folder, f"{name}-ranks.tiktoken")
    direct = stemma.convert(source, f"{name}-direct.tiktoken")
    back = stemma.convert(ranks, f"{name}-back")
    for form in (folder, ranks, direct, back):
        yield form.name, "stemma", stemma.encode(form, texts)
    for form in (ranks, direct):
        yield form.name, "tiktoken", by_tiktoken(form, texts)
    for form in (folder, back):
        yield form.name, "tokenizers", by_tokenizers(form, texts)
        yield form.name, "transformers", by_transformers(form, texts)


def forms_of_characters(stemma, source, name, texts):
    folder = stemma.convert(source, f"{name}-folder")
    lines = stemma.convert(folder, f"{name}.txt")
    back = stemma.convert(lines, f"{name}-back")
    for form in (folder, lines, back):
        yield form.name, "stemma", stemma.encode(form, texts)
    for form in (folder, back):
        yield form.name, "tokenizers", by_tokenizers(form, texts)
        yield form.name, "transformers", by_transformers(form, texts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--only", nargs="+", help="names of tokenizers, of those that are checked")
    parser.add_argument("--stemma", default=PROJECT / "build/release/src/cli/stemma")
    options = parser.parse_args()
    texts = TEXTS + [path.read_bytes().decode("utf-8", "ignore") for path in options.files]
    different = 0
    with tempfile.TemporaryDirectory() as temporary:
        stemma = Stemma(options.stemma, pathlib.Path(temporary))
        trained, characters = stemma.folder / "trained", stemma.folder / "characters"
        stemma.run("tokenizer", "train", "--input", CORPUS, "--vocab-size", "700", "--output", trained)
        stemma.run("tokenizer", "train", "--kind", "characters", "--min-frequency", "1", "--vocab-size", "300",
                   "--input", CORPUS, "--output", characters)
        checks = [(name, name, forms_of_bpe) for name in PUBLISHED]
        checks += [(trained, "trained", forms_of_bpe), (characters, "characters", forms_of_characters),
                   ("bytes", "bytes", forms_of_characters)]
        for source, name, forms in checks:
            if options.only and name not in options.only:
                continue
            expected = stemma.encode(source, texts)
            count = 0
            for form, by, ids in forms(stemma, source, name, texts):
                count += 1
                for text, ours, theirs in zip(texts, expected, ids):
                    if ours == theirs:
                        continue
                    different += 1
                    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
                    print(f"{name}: {form} in {by} differs on {text[:40]!r} from id {at} on: {ours[at:at + 4]}, "
                          f"there {theirs[at:at + 4]}")
            print(f"{name}: {sum(map(len, expected))} ids in {count} forms compared", flush=True)
    print("no difference" if different == 0 else f"{different} differences")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
