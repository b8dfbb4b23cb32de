"""Constrained output against Python's jsonschema, re and hypothesis-jsonschema.

    build/peers/bin/python scripts/peers/compare_schemas.py [--walks N] [--schemas N] [--tokenizer NAME]

1. Walks: random allowed tokens until an end token is drawn, over random schemas and those of the tables of
   docs/constrained-output.md. Each text must be JSON and valid by jsonschema (Draft 2020-12, formats checked).
2. Instances: what hypothesis-jsonschema makes for the same schemas, written in the compact form, must be allowed, token by
   token; instances that the form leaves out (numbers of many digits, lone surrogates) are not asked.
3. Regular expressions: random ones and a list, over random strings, against re.fullmatch with re.ASCII.

Needs build/release/benchmarks/constrained_walks. Exit 1 where anything differs, with the place.
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import warnings

import hypothesis
import hypothesis_jsonschema
import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "email"]


class Stemma:
    def __init__(self, program, tokenizer):
        self.process = subprocess.Popen([program, tokenizer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        encoding="utf-8", cwd=ROOT)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"constrained_walks ended at {json.dumps(request)[:2000]}")
        return json.loads(line)


class RandomSchemas:
    """Schemas over all supported keywords, small enough to be satisfied by short texts."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def next(self):
        self.definitions = {}
        schema = self.value(3)
        if self.definitions:
            schema = {"$defs": self.definitions, **schema}
        return schema

    def value(self, depth):
        kinds = [self.scalar] * 3 + [self.string] * 2 + [self.number] * 2
        if depth > 0:
            kinds += [self.object] * 5 + [self.array] * 3 + [self.any_of, self.all_of, self.reference]
        return self.random.choice(kinds)(depth)

    def scalar(self, _):
        return self.random.choice([
            {"type": "null"}, {"type": "boolean"}, {"type": ["integer", "null"]}, {"const": {"a": [1, "x\n"]}},
            {"enum": ["red", "gr\"een", "blau\\", "é😀", 1, None]}, {"type": "string", "enum": ["a", 1, "abc"], "maxLength": 2},
            {"type": "integer"}, {"type": "number"}, {"const": 1.0}, {"const": -2.5e-7}])

    def string(self, _):
        draw = self.random.random()
        schema = {"type": "string"}
        if draw < 0.3:
            schema["format"] = self.random.choice(FORMATS)
        elif draw < 0.5:
            schema["pattern"] = self.random.choice(["^[a-z]{2,5}$", "^a|b$", "\\d", "^(ab|c)*$", "[^a-z]{2}", "\"", "^\\w+-\\w+$"])
        if draw > 0.4 and self.random.random() < 0.5:
            schema["minLength"] = self.random.randrange(4)
            schema["maxLength"] = schema["minLength"] + 3 + self.random.randrange(10)
        return schema

    def number(self, _):
        kind = self.random.choice(["integer", "number"])
        schema = {"type": kind}
        low = self.random.choice([-1000, -17, -1, 0, 1, 7, 99, 12345])
        high = low + self.random.choice([1, 5, 90, 1000, 10**6])
        if kind == "number" and self.random.random() < 0.5:
            low, high = low + self.random.choice([0.5, 0.25, 0.1]), high + self.random.choice([0.75, 0.001])
        if self.random.random() < 0.8:
            schema[self.random.choice(["minimum", "exclusiveMinimum"])] = low
        if self.random.random() < 0.8:
            schema[self.random.choice(["maximum", "exclusiveMaximum"])] = high + 1
        return schema

    def object(self, depth):
        names = self.random.sample(["name", "age", "a\"b", "é", "", "x y", "kind", "n\n"], self.random.randrange(4))
        properties = {name: self.value(depth - 1) for name in names}
        schema = {"type": "object", "properties": properties,
                  "required": [n for n in names if self.random.random() < 0.6],
                  "additionalProperties": self.random.choice([False, False, False, True, self.value(0)])}
        if self.random.random() < 0.1:
            schema["minProperties"] = 1
            if schema["additionalProperties"] is False and not names:
                schema["additionalProperties"] = True
        return schema

    def array(self, depth):
        schema = {"type": "array", "items": self.value(depth - 1)}
        if self.random.random() < 0.5:
            schema["minItems"] = self.random.randrange(3)
        if self.random.random() < 0.7:
            schema["maxItems"] = schema.get("minItems", 0) + self.random.randrange(3)
        if self.random.random() < 0.2:
            schema["prefixItems"] = [self.value(depth - 1) for _ in range(1 + self.random.randrange(2))]
        return schema

    def any_of(self, depth):
        return {"anyOf": [self.value(depth - 1) for _ in range(2 + self.random.randrange(2))]}

    def all_of(self, depth):
        return self.random.choice([
            {"allOf": [self.number(depth), {"type": ["integer", "number"]}]},
            {"allOf": [{"type": "object", "properties": {"p": self.value(depth - 1)}, "required": ["p"]},
                       {"properties": {"q": self.value(depth - 1)}, "required": ["q"]}]},
            {"type": "string", "allOf": [{"minLength": 2}, {"maxLength": 9}, {"pattern": "a"}]}])

    def reference(self, depth):
        name = f"d{len(self.definitions)}"
        self.definitions[name] = {}
        if self.random.random() < 0.4:  # recursive
            self.definitions[name] = {"type": "object", "properties": {
                "v": self.value(depth - 1), "next": {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]}},
                "required": ["v", "next"], "additionalProperties": False}
        else:
            self.definitions[name] = self.value(depth - 1)
        return {"$ref": f"#/$defs/{name}"}


def documented_schemas():
    for line in (ROOT / "docs/constrained-output.md").read_text("utf-8").splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if line.startswith("| ") and len(cells) == 6 and "`" in cells[2]:
            schema = json.loads(cells[2].strip().strip("`").replace("\\|", "|"))
            yield {} if schema is True else schema


def spelled(text):
    """A JSON string in the one spelling that the form has for strings with rules."""
    return json.dumps(text, ensure_ascii=False)


def number_text(value):
    if isinstance(value, int):
        return str(value) if -2**63 <= value < 2**63 else None
    if value == int(value) and abs(value) < 2**53:
        return str(int(value))
    text = repr(value)
    digits = re.fullmatch(r"-?(\d+)(?:\.(\d+))?(?:e[+-]?(\d+))?", text)
    return text if digits and len(digits[1]) <= 20 and len(digits[2] or "") <= 20 and len(digits[3] or "") <= 2 else None


def compact(value, order):
    """The value in the compact form; None where the form has none for it."""
    if isinstance(value, str):
        return None if any(0xD800 <= ord(c) < 0xE000 for c in value) else spelled(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        parts = [compact(v, order) for v in value]
        return None if None in parts else "[" + ",".join(parts) + "]"
    names = sorted(value, key=lambda name: order.get(name, len(order)))
    parts = [(compact(name, order), compact(value[name], order)) for name in names]
    return None if any(None in part for part in parts) else "{" + ",".join(f"{k}:{v}" for k, v in parts) + "}"


def property_order(schema, order):
    if isinstance(schema, dict):
        for name in schema.get("properties", {}):
            order.setdefault(name, len(order))
        for value in schema.values():
            property_order(value, order)
    elif isinstance(schema, list):
        for value in schema:
            property_order(value, order)
    return order


def consistent_order(schema, order):
    """Whether one order of names serves every object of the schema."""
    if isinstance(schema, dict):
        ranks = [order[name] for name in schema.get("properties", {})]
        return ranks == sorted(ranks) and all(consistent_order(v, order) for v in schema.values())
    return not isinstance(schema, list) or all(consistent_order(v, order) for v in schema)


def is_recursive(schema):
    """hypothesis-jsonschema cannot resolve these."""
    return any(f"#/$defs/{name}" in json.dumps(value) for name, value in schema.get("$defs", {}).items()) or \
        '"$ref": "#"' in json.dumps(schema) or "definitions" in schema


def uses(schema, *keywords):
    if isinstance(schema, dict):
        return any(k in schema for k in keywords) or any(uses(v, *keywords) for v in schema.values())
    return isinstance(schema, list) and any(uses(v, *keywords) for v in schema)


def closed(schema):
    """As the form reads it: without additionalProperties there are none beside properties."""
    if isinstance(schema, list):
        return [closed(v) for v in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {k: v if k in ("const", "enum") else closed(v) for k, v in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema and "type" in schema:
        schema["additionalProperties"] = False
    return schema


def instances(schema, count):
    """Values that hypothesis-jsonschema makes."""
    found = []
    strategy = hypothesis_jsonschema.from_schema(closed(schema))

    @hypothesis.settings(max_examples=count, database=None, deadline=None, derandomize=True,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


def check_walks(stemma, schema, walks, seed):
    answer = stemma.ask(schema=schema, walks=walks, seed=seed)
    if "error" in answer:
        return 0, 0, answer["error"]
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    for text in answer["texts"]:
        if text is None:
            continue
        try:
            value = json.loads(text)
        except ValueError as error:
            return 0, 0, f"no JSON: {error}: {text!r}"
        for error in validator.iter_errors(value):
            return 0, 0, f"not valid: {error.message[:300]}: {text!r}"
    return len(answer["texts"]), sum(t is None for t in answer["texts"]), None


def check_instances(stemma, schema, count):
    order = property_order(schema, {})
    if not consistent_order(schema, order) or uses(schema, "allOf", "oneOf") or is_recursive(schema):
        return 0, None
    bounded = uses(schema, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    try:
        values = instances(schema, count)
    except Exception as error:  # what hypothesis cannot make instances of
        return 0, None if "Unsatisfiable" in type(error).__name__ else f"hypothesis: {error}"
    texts = {compact(value, order) for value in values} - {None}
    if bounded:  # numbers between bounds have no exponent and fewer digits
        texts = {t for t in texts if not re.search(r"\d[eE]|\d\.\d{9,}|\d{16}", t)}
    if uses(schema, "format"):  # what the page says that formats leave out
        texts = {t for t in texts if not re.search(r":60|T\d\d:\d\d:\d\d\.\d{10}|(?:[^\".]+\.){8}|[A-Za-z0-9-]{31}", t)}
    if uses(schema, "pattern"):  # \d and \w are of Unicode in Python, of ASCII in ECMAScript
        texts = {t for t in texts if t.isascii()}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    texts = {t for t in texts if validator.is_valid(json.loads(t))}  # hypothesis-jsonschema knows no prefixItems
    texts = sorted(texts)
    answer = stemma.ask(schema=schema, check=texts)
    if "error" in answer:
        return 0, answer["error"]
    for text, allowed in zip(texts, answer["allowed"]):
        if not allowed:
            return 0, f"valid but not allowed: {text!r}"
    return len(texts), None


PATTERNS = [r"\d{3}-\d{4}", r"[A-Z][a-z]*( [A-Z][a-z]*)?", r"(a|ab)(c|bcd)(d*)", r"x*?y+", r"[^\W\d]+", r"\S\s\S", r"a{2,3}|b{,2}x",
            r"^(ab)+$", r"(?P<y>a)\.b", r"[-a]", r"[a\-z]+", r"(|a)+b", r"é|[à-ü]{2}", r"\x41\u0042", r".{2}", r"(?:a?){3}a{3}"]


def random_pattern(draw, depth):
    if depth == 0:
        return draw.choice(["a", "b", "c", "[ab]", "[^a]", ".", "\\d", "\\w", "1", " ", "\\."])
    a, b = random_pattern(draw, depth - 1), random_pattern(draw, depth - 1)
    return draw.choice([a + b, a + b, f"(?:{a}|{b})", f"({a})*", f"(?:{a})?", f"({a})+{b}", f"({a}){{1,2}}"])


def check_patterns(stemma, count, seed):
    draw = random.Random(seed)
    patterns = PATTERNS + [random_pattern(draw, draw.randrange(4)) for _ in range(count)]
    compared = 0
    for pattern in patterns:
        texts = ["".join(draw.choice("abc1 .-dxyABé") for _ in range(draw.randrange(7))) for _ in range(60)]
        texts += ["".join(draw.choice("abc1") for _ in range(draw.randrange(5))) for _ in range(60)]
        texts += ["a.b", "ab", "555-1234", "Ab Cd", "abcd", "AB", "aaa", "aaaa", "éà"]
        answer = stemma.ask(regex=pattern, check=texts)
        if "error" in answer:
            if "{,n}" in answer["error"]:
                continue
            yield compared, f"regex {pattern!r}: {answer['error']}"
            continue
        peer = re.compile(pattern, re.ASCII)
        for text, allowed in zip(texts, answer["allowed"]):
            compared += 1
            if allowed != bool(peer.fullmatch(text)):
                yield compared, f"regex {pattern!r}, {text!r}: ours {allowed}"
    yield compared, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--walks", type=int, default=10, help="for each schema (10)")
    parser.add_argument("--schemas", type=int, default=300, help="random ones (300)")
    parser.add_argument("--instances", type=int, default=40, help="for each schema (40)")
    parser.add_argument("--patterns", type=int, default=500, help="random regular expressions (500)")
    parser.add_argument("--tokenizer", default="gpt2")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stemma", default=str(ROOT / "build/release/benchmarks/constrained_walks"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    stemma = Stemma(options.stemma, options.tokenizer)
    made = RandomSchemas(options.seed)
    schemas = list(documented_schemas()) + [made.next() for _ in range(options.schemas)]
    walks = unfinished = accepted = failed = refused = 0
    for number, schema in enumerate(schemas):
        done, too_long, fault = check_walks(stemma, schema, options.walks, options.seed + number)
        if fault and fault.startswith("[schema]"):
            refused += 1
            print(f"refused: {fault}: {json.dumps(schema)[:300]}", flush=True)
            continue
        walks, unfinished = walks + done, unfinished + too_long
        if fault is None:
            count, fault = check_instances(stemma, schema, options.instances)
            accepted += count
        if fault:
            failed += 1
            print(f"{fault}\n    {json.dumps(schema)}", flush=True)
    print(f"{len(schemas)} schemas, {refused} refused: {walks} walks ({unfinished} too long), {accepted} instances", flush=True)
    for compared, fault in check_patterns(stemma, options.patterns, options.seed):
        if fault:
            failed += 1
            print(fault, flush=True)
    print(f"{compared} strings against re")
    print("no difference" if failed == 0 else f"{failed} differences")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
