"""Ids of WordPiece tokenizers (BERT's) against those of Hugging Face tokenizers, on files and on random Unicode.

    build/peers/bin/python scripts/peers/compare_wordpiece.py --tokenizer FOLDER [--strings N] [FILE|FOLDER...]

FOLDER holds a tokenizer.json with the model WordPiece, such as MiniLM's. It is compared as it is and in variants that
are made from it: cased, cased without accents, lower case with accents, without clean_text, without
handle_chinese_chars. Special tokens are off on both sides: "[MASK]" in a text is text. For each variant also: texts of
the decoder, the ids of one text and of two with their segments (the post-processor), and the folder that Stemma writes,
opened in tokenizers and in transformers (AutoTokenizer). Files may be compressed and archives; --limit-mb takes so much
of each. The random strings have all characters but those whose lower case differs between the Unicode of the two sides,
which are printed. Exit 1 where anything differs, with the place.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import tokenizers

from compare_tokenizers import random_strings
from peer_tokenizers import STEMMA, stemma_decoded, stemma_ids, texts_of

DOCUMENT = 20_000  # characters; a document is compared as a whole
VARIANTS = {"as it is": {}, "cased": {"lowercase": False}, "cased, no accents": {"lowercase": False, "strip_accents": True},
            "lower case with accents": {"lowercase": True, "strip_accents": False}, "not cleaned": {"clean_text": False},
            "not cleaned, cased": {"clean_text": False, "lowercase": False},
            "Chinese in words": {"handle_chinese_chars": False}}


def every_character(root):
    """The special tokens, then each character at the start and inside of words."""
    names = {token["content"]: token["id"] for token in root["added_tokens"]}
    numbers = iter(n for n in range(3_000_000) if n not in names.values())
    return names | {prefix + chr(c): next(numbers) for c in range(0x21, 0x110000) if not 0xD800 <= c < 0xE000
                    for prefix in ("", "##")}


def variant_folder(source, changes, folder, options):
    """A copy of the tokenizer with other settings of its normalizer; nothing cut off or filled up."""
    root = json.loads((source / "tokenizer.json").read_text("utf-8"))
    root["normalizer"].update(changes)
    if options.every_character:
        root["model"]["vocab"] = every_character(root)
    root["truncation"] = root["padding"] = None
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(root, ensure_ascii=False), "utf-8")
    return folder


def opened(folder):
    peer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    peer.encode_special_tokens = True
    peer.no_truncation()
    peer.no_padding()
    return peer


def other_lower_cases(stemma):
    """Characters whose lower case differs: one side's Unicode has it, the other's not yet."""
    source = (pathlib.Path(stemma).parents[1] / "text/unicode_tables.cc").read_text()
    ours = {int(a): int(b) for a, b in re.findall(r"\{(\d+),(\d+)\}", source.split("kLowerCases[] = {")[1].split("\n};")[0])}
    lower = tokenizers.normalizers.Lowercase().normalize_str
    return {c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c != 0x130
            and lower(chr(c)) != chr(ours.get(c, c))}


def documents(options, left_out):
    """(where, list of texts that a line end joins)."""
    for path in options.files:
        size = 0
        for name, text in texts_of(path):
            text = text[:max(0, int(options.limit_mb * 1e6) - size)]
            size += len(text)
            pieces = [text[begin:begin + DOCUMENT] for begin in range(0, len(text), DOCUMENT)]
            for begin in range(0, len(pieces), 50):
                yield f"{path}:{name} from character {begin * DOCUMENT}", pieces[begin:begin + 50]
    draw = np.random.default_rng(options.seed)
    for name, text in random_strings(options.strings, left_out, options.seed):
        # Long words and runs too: some strings without white space, joined.
        strings = text.split("\n")
        joined = ["".join(strings[i:i + int(draw.integers(2, 30))]) for i in range(0, len(strings), 40)]
        yield name, strings + joined


def first_difference(ours, theirs):
    shorter = min(len(ours), len(theirs))
    return int(np.argmax(np.append(ours[:shorter] != theirs[:shorter], True)))


def compare(folder, peer, options, where, texts):
    """(ids, what differs or None). Both see the texts as lines, which are words of their own."""
    text = "\n".join(texts)
    ours = stemma_ids(options.stemma, folder, text.encode())
    encodings = peer.encode_batch(texts, add_special_tokens=False)
    theirs = np.array([i for encoding in encodings for i in encoding.ids], dtype=np.uint32)
    at = first_difference(ours, theirs)
    if at < len(ours) or at < len(theirs):
        tokens = [[peer.id_to_token(int(i)) for i in ids[max(0, at - 3):at + 5]] for ids in (ours, theirs)]
        count, line = 0, 0
        while line < len(encodings) and count + len(encodings[line].ids) <= at:
            count, line = count + len(encodings[line].ids), line + 1
        shown = texts[min(line, len(texts) - 1)]
        return len(theirs), f"{where}: id {at}, ours {tokens[0]}, theirs {tokens[1]}, text {shown[:200]!r}"
    some = theirs[:20_000]
    if some.size and stemma_decoded(options.stemma, folder, some).decode() != peer.decode(some, skip_special_tokens=False):
        return len(theirs), f"{where}: the ids decode otherwise"
    return len(theirs), None


def written_files(folder, peer, options, texts, work):
    """What differs where the folder that Stemma writes is opened by others."""
    if options.every_character:
        return
    copy = work / (folder.name + "-written")
    subprocess.run([options.stemma, "tokenizer", "convert", "--tokenizer", folder, "--output", copy], check=True,
                   capture_output=True)
    pairs = list(zip(texts[:200], texts[200:400]))
    again = opened(copy)
    for a, b in [(text, None) for text in texts] + pairs:
        for special in (False, True):
            one, other = (t.encode(a, b, add_special_tokens=special) for t in (peer, again))
            if one.ids != other.ids or one.type_ids != other.type_ids:
                yield f"the written tokenizer.json gives other ids in tokenizers: {a[:80]!r}"
                return
    from transformers import AutoTokenizer
    auto = AutoTokenizer.from_pretrained(copy)
    for a, b in [(text, None) for text in texts] + pairs:
        made = auto(a, b, split_special_tokens=True)
        expected = peer.encode(a, b)
        if made["input_ids"] != expected.ids or made.get("token_type_ids", expected.type_ids) != expected.type_ids:
            yield f"the written folder gives other ids in transformers ({type(auto).__name__}): {a[:80]!r}"
            return
    for file in ("vocab.txt", "tokenizer.json"):  # and alone in Stemma, with the settings
        other = work / (copy.name + "-" + file)
        other.mkdir()
        if not (copy / file).exists():
            continue
        for name in (file, "tokenizer_config.json"):
            (other / name).write_bytes((copy / name).read_bytes())
        data = "\n".join(texts).encode()
        if (stemma_ids(options.stemma, other, data).tolist() != stemma_ids(options.stemma, folder, data).tolist()):
            yield f"the written {file} gives other ids in stemma"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE|FOLDER")
    parser.add_argument("--tokenizer", required=True, type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--strings", type=int, default=100_000, help="random strings (100000)")
    parser.add_argument("--limit-mb", type=float, default=1e9, help="of each file or folder")
    parser.add_argument("--every-character", action="store_true", help="with a vocabulary of all characters in place of "
                        "FOLDER's, in which no word is unknown: what cleaning makes of each is seen in the ids")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stemma", default=STEMMA)
    options = parser.parse_args()
    left_out = other_lower_cases(options.stemma)
    print(f"left out of random strings, other lower case: {len(left_out)}: {' '.join(f'{c:04X}' for c in sorted(left_out))}")
    different = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for number, name in enumerate(options.variants):
            folder = variant_folder(options.tokenizer, VARIANTS[name], work / str(number), options)
            peer = opened(folder)
            total = size = failed = 0
            sample = []
            for where, texts in documents(options, left_out):
                ids, difference = compare(folder, peer, options, where, texts)
                total, size = total + ids, size + sum(len(t.encode()) for t in texts)
                sample += [t[:300] for t in texts[:20]]
                if difference:
                    failed += 1
                    print(f"{name}: {difference}", flush=True)
            for difference in written_files(folder, peer, options, sample[:2000], work):
                failed += 1
                print(f"{name}: {difference}", flush=True)
            print(f"{name}: {size / 1e6:.1f} MB, {total} ids, {failed} differences", flush=True)
            different += failed
    print("no difference" if different == 0 else f"{different} differences")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
