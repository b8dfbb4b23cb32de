"""What the comparisons of tokenizers share: texts, the peers' encodings, Stemma's ids. No network: tiktoken gets the rank
files of $STEMMA_SHARED/tokenizers (default: ../shared beside the project), tokenizers the tokenizer.json that Stemma
writes, or GPT-2's own files."""

import base64
import gzip
import io
import json
import lzma
import os
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import tiktoken  # noqa: E402
import tokenizers  # noqa: E402

PROJECT = pathlib.Path(__file__).resolve().parents[2]
STEMMA = PROJECT / "build/release/src/cli/stemma"
SHARED = pathlib.Path(os.environ.get("STEMMA_SHARED", PROJECT.parent / "shared"))
FILES = SHARED / "tokenizers"
RANKS = {"r50k_base": "r50k/r50k_base.tiktoken", "p50k_base": "p50k/p50k_base.tiktoken",
         "p50k_edit": "p50k/p50k_base.tiktoken", "cl100k_base": "cl100k/cl100k_base.tiktoken.xz",
         "o200k_base": "o200k/o200k_base.tiktoken.xz", "o200k_harmony": "o200k/o200k_base.tiktoken.xz"}


def unpacked(name, data):
    """(name, bytes) of a file's content; of each member of an archive."""
    lower = name.lower()
    if lower.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield from unpacked(f"{name}:{member.filename}", archive.read(member))
        return
    if lower.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isfile():
                    yield from unpacked(f"{name}:{member.name}", archive.extractfile(member).read())
        return
    if lower.endswith(".gz"):
        yield from unpacked(name[:-3], gzip.decompress(data))
    elif lower.endswith(".xz"):
        yield from unpacked(name[:-3], lzma.decompress(data))
    elif lower.endswith(".zst"):  # the standard library has no zstd
        run = subprocess.run(["zstd", "-dcq"], input=data, check=True, capture_output=True)
        yield from unpacked(name[:-4], run.stdout)
    else:
        yield name, data


def texts_of(path):
    """(name, text) of a file, or of all files below a folder. Bytes that are no UTF-8 are left out, since the peers
    take none; files of other kinds (pictures) entirely."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        for name, data in unpacked(str(file.relative_to(path)) if path.is_dir() else str(file), file.read_bytes()):
            text = data.decode("utf-8", "ignore")
            if len(data) - len(text.encode()) <= len(data) // 20:
                yield name, text


def rank_file(name):
    """The bytes of an encoding's .tiktoken file."""
    return next(unpacked(RANKS[name], (FILES / RANKS[name]).read_bytes()))[1]


def tiktoken_encoding(name, ranks=None):
    known = json.loads((FILES / "encodings.json").read_text())[name]
    if ranks is None:
        ranks = {base64.b64decode(token): int(rank)
                 for token, rank in (line.split() for line in rank_file(name).splitlines())}
    return tiktoken.Encoding(name, pat_str=known["pat_str"], mergeable_ranks=ranks,
                             special_tokens=known["special_tokens"])


def saved_folder(stemma, name, folder):
    """The folder below `folder` where Stemma has saved a tokenizer of its own."""
    output = pathlib.Path(folder, name)
    subprocess.run([stemma, "tokenizer", "convert", "--tokenizer", name, "--output", output],
                   check=True, capture_output=True)
    return output


def hugging_face_tokenizer(stemma, name):
    """gpt2: from its published files, independent of Stemma; others: from the tokenizer.json that Stemma writes."""
    if name == "gpt2":
        vocabulary = json.loads(next(unpacked("encoder.json.xz", (FILES / "gpt2/encoder.json.xz").read_bytes()))[1])
        merges = [tuple(line.split(" ")) for line in (FILES / "gpt2/vocab.bpe").read_text("utf-8").split("\n")[1:] if line]
        made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
        made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = tokenizers.decoders.ByteLevel()
        return made
    with tempfile.TemporaryDirectory() as folder:
        made = tokenizers.Tokenizer.from_file(str(saved_folder(stemma, name, folder) / "tokenizer.json"))
    made.encode_special_tokens = True  # text that looks like a special token stays text
    return made


def stemma_ids(stemma, name, data):
    with tempfile.TemporaryDirectory() as folder:
        text, ids = pathlib.Path(folder, "text"), pathlib.Path(folder, "ids.npy")
        text.write_bytes(data)
        subprocess.run([stemma, "tokenizer", "encode", "--tokenizer", name, "--input", text, "--output", ids],
                       check=True, capture_output=True)
        return np.load(ids)


def stemma_decoded(stemma, name, ids):
    with tempfile.TemporaryDirectory() as folder:
        file, text = pathlib.Path(folder, "ids.npy"), pathlib.Path(folder, "text")
        np.save(file, ids)
        subprocess.run([stemma, "tokenizer", "decode", "--tokenizer", name, "--input", file, "--output", text],
                       check=True, capture_output=True)
        return text.read_bytes()
