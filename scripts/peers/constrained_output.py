#!/usr/bin/env python3
"""Answers held to JSON schemas: are all of them valid, and what does it cost?

    build/peers/bin/python scripts/peers/constrained_output.py --prompts 1000 --rounds 3

Ten schemas, a tenth of the prompts for each, through `stemma generate --batch` with sampling; every answer is checked
with jsonschema. Then the same number of tokens is written free and held to a schema that it cannot fulfil in so few
tokens, in turns, and the median times are compared. Exit code 1 where an answer is not valid.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEMMA = str(ROOT / "build/release/src/cli/stemma")
TEXT = {"type": "string", "maxLength": 24}
SCHEMAS = [
    {"type": "object", "properties": {"name": TEXT, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
     "required": ["name", "age"], "additionalProperties": False},
    {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 1, "maxItems": 5},
    {"type": "object", "properties": {"answer": {"type": "boolean"}, "why": TEXT}, "required": ["answer"],
     "additionalProperties": False},
    {"type": "object", "properties": {"date": {"type": "string", "format": "date"},
                                      "time": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}},
     "required": ["date", "time"], "additionalProperties": False},
    {"type": "object", "properties": {"point": {"type": "array", "prefixItems": [{"type": "number", "minimum": -1, "maximum": 1},
                                                                            {"type": "number", "minimum": -1, "maximum": 1}],
                                                "items": False, "minItems": 2}},
     "required": ["point"], "additionalProperties": False},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"error": TEXT}, "required": ["error"],
                                  "additionalProperties": False}]},
    {"type": "object", "$defs": {"node": {"type": "object", "properties": {
        "value": {"type": "integer", "minimum": 0, "maximum": 99}, "next": {"anyOf": [{"type": "null"}, {"enum": ["end"]}]}},
        "required": ["value", "next"], "additionalProperties": False}},
     "properties": {"first": {"$ref": "#/$defs/node"}, "second": {"$ref": "#/$defs/node"}},
     "required": ["first", "second"], "additionalProperties": False},
    {"type": "object", "properties": {"city": TEXT, "country": {"enum": ["France", "Italy", "Japan"]},
                                      "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3}},
     "required": ["city", "country", "tags"], "additionalProperties": False},
    {"type": "string", "enum": ["positive", "negative", "neutral"]},
    {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
                                      "price": {"type": "number", "minimum": 0, "maximum": 1000}},
     "required": ["id", "price"], "additionalProperties": False},
]
LONG = {"type": "array", "minItems": 60, "items": {"type": "object", "properties": {"name": TEXT, "size": {"type": "integer"}},
                                                   "required": ["name", "size"], "additionalProperties": False}}


def rows(count, seed=0):
    topics = ["a person", "a colour", "the weather", "a meeting", "a place on a map", "a mistake", "a list", "a town", "a film", "a product"]
    return "".join(json.dumps({"messages": [{"role": "user", "content": f"Tell me about {topics[(i + seed) % 10]}, number {i}, as JSON."}]}) + "\n"
                   for i in range(count))


def run(args, lines, *more):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(lines)
        file.flush()
        begin = time.perf_counter()
        out = subprocess.run([STEMMA, "generate", "--model", args.model, "--batch", file.name, *more], capture_output=True,
                             text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()], time.perf_counter() - begin


def valid(args):
    wrong = answers = tokens = 0
    for number, schema in enumerate(SCHEMAS):
        found, _ = run(args, rows(args.prompts // len(SCHEMAS), number), "--json-schema", json.dumps(schema), "--max-tokens",
                       "400", "--temperature", "1", "--seed", str(number))
        check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        for row in found:
            answers += 1
            tokens += len(row["ids"])
            try:
                check.validate(json.loads(row["text"]))
            except ValueError as error:
                wrong += 1
                print("no JSON:", row["text"], error)
            except jsonschema.ValidationError as error:
                wrong += 1
                print("not valid:", row["text"], error.message)
    print(f"{answers - wrong} of {answers} answers are valid ({tokens} tokens, {len(SCHEMAS)} schemas)")
    return wrong


def cost(args):
    lines = rows(args.speed_prompts)
    common = ["--max-tokens", "128", "--temperature", "1", "--seed", "1"]
    free, held, written = [], [], []
    for _ in range(args.rounds):
        for times, more in ((free, ["--ignore-eot"]), (held, ["--json-schema", json.dumps(LONG)])):
            found, seconds = run(args, lines, *common, *more)
            times.append(seconds)
            written.append(sum(len(row["ids"]) for row in found))
    assert len(set(written)) == 1, written
    ratios = [b / a for a, b in zip(free, held)]
    print(f"{written[0]} tokens: free {statistics.median(free):.2f} s, held to a schema {statistics.median(held):.2f} s; "
          f"ratio {statistics.median(ratios):.3f} ({', '.join(f'{r:.3f}' for r in ratios)})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "models/smollm2"))
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--speed-prompts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.rounds:
        cost(args)
    sys.exit(1 if args.prompts and valid(args) else 0)


if __name__ == "__main__":
    main()
