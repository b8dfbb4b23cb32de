"""Ids of the tokenizer that Stemma takes from a GGUF file, against those of Hugging Face `tokenizers` and llama.cpp.

    build/peers/bin/python scripts/peers/compare_gguf_tokenizer.py SmolLM2-135M-Instruct.Q4_1.gguf [--all-shared] [FILE|FOLDER...]

Stemma's come from a folder that `stemma tokenizer convert` makes of the file. `tokenizers` gets the file's vocabulary and
merges through gguf-py, with SmolLM's steps (Digits, ByteLevel), and the folder's tokenizer.json; transformers opens the
folder. llama.cpp (the package llama_cpp) opens the file itself; without the package it is left out, and that is said.
Texts are the FILEs and folders (--all-shared: books, code, Chinese, web pages of $STEMMA_SHARED/data, the first megabytes
of each) and random strings. What llama.cpp gets has no characters of bytes without a token: it does not merge across
these, as `tokenizers` does. Prints a line for each peer and exit 1 where an id differs, with the place.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import tokenizers
import transformers

from peer_tokenizers import SHARED, STEMMA, stemma_ids, texts_of
from unicode_classes import of_stemma, of_tokenizers

FOLDERS = ["books_en", "chinese_classics", "web_crawl", "humaneval", "mbpp", "tinyshakespeare", "wikitext2", "gsm8k"]
# What a message to a chat model may be; no special tokens, which transformers would match.
CHATS = ["", "\n", "\n\n\nx", "  12 apples", "What is 3 + 4?", "def f(x):\n    return x ** 2\n", "中文字 123", " x ", "'s", "\x04 x"]


def vocabulary_of(path):
    fields = gguf.GGUFReader(path).fields
    keys = {key: fields[f"tokenizer.ggml.{key}"].contents() for key in ("model", "pre", "tokens", "token_type", "merges")}
    if (keys["model"], keys["pre"]) != ("gpt2", "smollm"):
        sys.exit(f"{path}: tokenizer {keys['model']}, {keys['pre']}; this script knows gpt2, smollm")
    return keys


def tokenizers_of(keys):
    """Made here, step by step: nothing of it comes from Stemma."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(
        vocab={token: id for id, token in enumerate(keys["tokens"])}, merges=[tuple(m.split(" ")) for m in keys["merges"]]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    made.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False)
                             for token, kind in zip(keys["tokens"], keys["token_type"]) if kind == 3])
    return made


def ordinary(made):
    made.encode_special_tokens = True  # text that looks like a special token stays text
    return lambda text: made.encode(text, add_special_tokens=False).ids


def llama_of(path):
    try:
        import llama_cpp
    except ImportError:
        return None
    model = llama_cpp.Llama(model_path=str(path), vocab_only=True, verbose=False)
    return lambda text: model.tokenize(text.encode(), add_bos=False, special=False)


def random_texts(count, seed, left_out):
    """Blocks of random strings of all kinds of characters, most of them likely in text, with digits everywhere."""
    draw = random.Random(seed)
    known = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in left_out]
    assigned = [c for c in known if ord(c) < 0x32000]
    likely = [c for c in map(chr, range(0x20, 0x7F)) if ord(c) not in left_out] * 60
    spaces = list("   \n\n\r\t''''sStTdDmMlLrReEvV\u00a0\u2028\u3000") * 100
    for begin in range(0, count, 2000):
        pool = draw.sample(assigned, 9000) + draw.sample(known, 500) + likely + spaces + list("0123456789½²Ⅷ٣") * 150
        yield f"random strings from {begin}", draw.choice("\n\n ,").join(
            "".join(draw.choices(pool, k=draw.randrange(1, 25))) for _ in range(min(2000, count - begin)))


def parts_of(options):
    sources = [(str(f), text) for f in options.files for _, text in texts_of(f)]
    for name in FOLDERS if options.all_shared else []:
        size = 0
        for file, text in texts_of(SHARED / "data" / name):
            sources.append((f"{name}/{file}", text[:options.characters - size]))
            size += len(sources[-1][1])
            if size >= options.characters:
                break
    for name, text in sources:
        for begin in range(0, len(text), 500_000):
            yield f"{name} from character {begin}", text[begin:begin + 500_000]


def difference(ours, theirs):
    theirs = np.array(theirs, dtype=np.int64)
    if len(ours) == len(theirs) and (ours == theirs).all():
        return None
    shorter = min(len(ours), len(theirs))
    at = int(np.argmax(np.append(ours[:shorter] != theirs[:shorter], True)))
    return f"from id {at} on: ours {ours[at - 3:at + 5].tolist()}, there {theirs[at - 3:at + 5].tolist()}"


def compare(peers, texts, folder, stemma):
    different = 0
    counts = dict.fromkeys(peers, 0)
    for name, text in texts:
        ours = stemma_ids(stemma, folder, text.encode())
        for peer, encode in peers.items():
            counts[peer] += len(ours)
            if found := difference(ours, encode(text)):
                different += 1
                print(f"{peer}: {name} differs {found}", flush=True)
    return different, counts


def compare_chats(folder, keys):
    """The folder's chat template through transformers, with the ids of `tokenizers` made here."""
    opened = transformers.AutoTokenizer.from_pretrained(str(folder))
    made = tokenizers_of(keys)
    different = 0
    for text in CHATS:
        chat = [{"role": "user", "content": text}]
        ids = opened.apply_chat_template(chat, tokenize=True, add_generation_prompt=True, return_dict=False)
        whole = opened.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        if ids != made.encode(whole, add_special_tokens=False).ids:
            different += 1
            print(f"transformers: the chat {text!r} differs")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    roles = {role: config.get(role) for role in ("bos_token", "eos_token", "unk_token", "pad_token")}
    kept = {role: getattr(opened, role) for role in roles}
    print(f"transformers opens the folder as {type(opened).__name__}; {roles}" + ("" if roles == kept else f", but {kept}"))
    return different + (roles != kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE|FOLDER")
    parser.add_argument("--all-shared", action="store_true", help=f"of $STEMMA_SHARED/data: {', '.join(FOLDERS)}")
    parser.add_argument("--characters", type=int, default=3_000_000, help="of each folder of it (3000000)")
    parser.add_argument("--strings", type=int, default=100_000, help="random strings (100000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stemma", default=STEMMA)
    options = parser.parse_intermixed_args()
    keys = vocabulary_of(options.gguf)
    ours, theirs = of_stemma(options.stemma), of_tokenizers()
    left_out = {c for c in range(0x110000) if ours[c] != theirs[c]}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, "folder")
        subprocess.run([options.stemma, "tokenizer", "convert", "--tokenizer", options.gguf, "--output", folder],
                       check=True, capture_output=True)
        peers = {"tokenizers": ordinary(tokenizers_of(keys)),
                 "tokenizers, our folder": ordinary(tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")))}
        llama = llama_of(options.gguf)
        texts = list(parts_of(options))
        different, counts = compare(peers, texts, folder, options.stemma)
        more, random_counts = compare(peers, random_texts(options.strings, options.seed, left_out), folder, options.stemma)
        different += more
        if llama:
            missing = {c for c in range(0x20) if not peers["tokenizers"](chr(c))} | set(range(0x40000, 0xC0000))
            gone = dict.fromkeys(missing)
            of_files = ((name, text.translate(gone)) for name, text in texts)
            of_strings = random_texts(options.strings, options.seed + 1, left_out | missing)
            for some, total in ((of_files, counts), (of_strings, random_counts)):
                more, llama_counts = compare({"llama.cpp": llama}, some, folder, options.stemma)
                different += more
                total |= llama_counts
        different += compare_chats(folder, keys)
    for peer, count in random_counts.items():
        print(f"{peer}: {counts[peer]} ids of {len(texts)} parts of files, {count} of {options.strings} random strings")
    if not llama:
        print("llama.cpp: not compared, the package llama_cpp is not there")
    print("no difference" if different == 0 else f"{different} differences")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
