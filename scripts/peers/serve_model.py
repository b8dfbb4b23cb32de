#!/usr/bin/env python3
"""Writes a GPT-2 of 124 million random weights with GPT-2's tokenizer as a Hugging Face folder: serve_model.py FOLDER.

For measurements of speed, which do not depend on the weights. The tokenizer's tables are those of the shared material
(STEMMA_SHARED, otherwise ../shared beside the repository)."""
import lzma
import os
import pathlib
import sys

import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

shared = pathlib.Path(os.environ.get("STEMMA_SHARED", pathlib.Path(__file__).parents[2] / ".." / "shared"))
folder = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
GPT2LMHeadModel(GPT2Config(n_ctx=1024)).save_pretrained(folder)
tables = shared / "tokenizers" / "gpt2"
(folder / "vocab.json").write_bytes(lzma.open(tables / "encoder.json.xz").read())
(folder / "merges.txt").write_bytes((tables / "vocab.bpe").read_bytes())
AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
