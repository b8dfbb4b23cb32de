#!/usr/bin/env python3
"""Makes tests/checkpoint/fixtures/blocks.gguf and tests/fuzz/seeds/gguf with gguf-py, llama.cpp's own reader and writer.

blocks.gguf holds random blocks of every type that stemma reads, as tensor NAME, and what `gguf.quants`
converts them to, as f32 tensor NAME.values; its metadata has one key of every type. Scales are finite halves,
some of them zero, negative, the largest or subnormal. The bytes are the same every time.

Example: build/peers/bin/python scripts/peers/make_gguf_golden.py
"""
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

# Where the halves (scales and offsets) lie in a block.
HALVES = {Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
          Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}
SPECIAL = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF, 0x0400, 0x3C00], dtype=np.uint16)


def random_halves(random, n):
    halves = random.standard_normal(n).astype(np.float16).view(np.uint16)
    special = random.random(n) < 0.2
    return np.where(special, random.choice(SPECIAL, n), halves).astype(np.uint16)


def random_blocks(random, kind, rows, blocks):
    size = gguf.GGML_QUANT_SIZES[kind][1]
    data = random.integers(0, 256, (rows * blocks, size), dtype=np.uint8)
    for at in HALVES[kind]:
        data[:, at:at + 2] = random_halves(random, rows * blocks).view(np.uint8).reshape(-1, 2)
    return data.reshape(rows, blocks * size)


def write(path, fill, alignment=None, arch="llama"):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, arch)
    if alignment:
        writer.add_custom_alignment(alignment)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_metadata(writer):
    writer.add_uint8("test.u8", 250)
    writer.add_int8("test.i8", -100)
    writer.add_uint16("test.u16", 60000)
    writer.add_int16("test.i16", -30000)
    writer.add_uint32("test.u32", 4000000000)
    writer.add_int32("test.i32", -2000000000)
    writer.add_uint64("test.u64", 2**63)
    writer.add_int64("test.i64", -2**63)
    writer.add_float32("test.f32", 0.1)
    writer.add_float64("test.f64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "h\u00e9llo\nworld")
    writer.add_array("test.strings", ["a", "", "\u00e9t\u00e9"])
    writer.add_array("test.i32s", [3, -1, 2])
    writer.add_array("test.f32s", [0.5, -1.25])
    writer.add_array("test.bools", [True, False, True])
    writer.add_array("test.u8s", bytes([0, 7, 255]))


def add_pair(writer, kind, data):
    values = gguf.quants.dequantize(data, kind)
    assert np.isfinite(values).all()
    name = kind.name.lower()
    writer.add_tensor(name, data, raw_dtype=kind)
    writer.add_tensor(name + ".values", np.ascontiguousarray(values, dtype=np.float32))


def fill_golden(writer):
    add_metadata(writer)
    random = np.random.default_rng(20240815)
    writer.add_tensor("plain", random.standard_normal((2, 3, 4)).astype(np.float32))
    halves = np.concatenate([SPECIAL, random_halves(random, 56)]).reshape(4, 16)
    add_pair(writer, Type.F16, halves.view(np.float16))
    upper = random.standard_normal(64).astype(np.float32).view(np.uint32) >> 16
    add_pair(writer, Type.BF16, upper.astype(np.uint16).view(np.uint8).reshape(4, 32))
    for kind in HALVES:
        small = gguf.GGML_QUANT_SIZES[kind][0] == 32
        add_pair(writer, kind, random_blocks(random, kind, 2 if small else 3, 3 if small else 1))


def fill_small(writer):
    random = np.random.default_rng(1)
    writer.add_tensor("a", np.array([1, 2, 3], dtype=np.float32))
    writer.add_tensor("b", random_blocks(random, Type.Q4_0, 2, 1), raw_dtype=Type.Q4_0)
    writer.add_tensor("c", random_blocks(random, Type.Q6_K, 1, 1), raw_dtype=Type.Q6_K)


def fill_tokenizer(writer):
    """A vocabulary of all bytes but one, with a merge."""
    letters = [chr(b) for b in [*range(33, 127), *range(161, 173), *range(174, 256)]] + [chr(256 + i) for i in range(68)]
    tokens = ["<|im_start|>", "<|im_end|>", *(c for c in letters if c != chr(260)), "19"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    writer.add_token_merges(["1 9"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{{ messages }}")


def main():
    tests = pathlib.Path(__file__).resolve().parents[2] / "tests"
    write(tests / "checkpoint/fixtures/blocks.gguf", fill_golden, alignment=64)
    seeds = tests / "fuzz/seeds/gguf"
    write(seeds / "metadata", add_metadata)
    write(seeds / "tensors", fill_small)
    write(seeds / "tokenizer", fill_tokenizer)
    for kind in HALVES:
        write(seeds / kind.name.lower(), lambda writer, kind=kind: writer.add_tensor(
            "w", random_blocks(np.random.default_rng(2), kind, 1, 1), raw_dtype=kind), alignment=8)


if __name__ == "__main__":
    main()
