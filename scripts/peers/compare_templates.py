#!/usr/bin/env python3
"""Renders conversations with public chat templates, by stemma and by Python's jinja2 as transformers sets it up.

The templates are those of llama.cpp (about 70 of known models), taken from the source package of llama-cpp-python on
PyPI, or *.jinja of a folder (--folder). Both must give the same bytes, or both refuse. Exit 1 where one differs.
Needs jinja2 and pip (build/e2e or build/peers).

Example: build/peers/bin/python scripts/peers/compare_templates.py
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import chat_peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE, VERSION = "llama-cpp-python", "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
LEAST = 30


def archive(folder):
    path = folder / f"{PACKAGE.replace('-', '_')}-{VERSION}.tar.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--no-binary", PACKAGE, "--dest", folder, f"{PACKAGE}=={VERSION}"], check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{path}: SHA-256 is {found}, not {SHA256}")
    return path


def templates(args):
    if args.folder:
        for path in sorted(args.folder.rglob("*.jinja")):
            yield path.stem, path.read_text()
        return
    with tarfile.open(archive(args.downloads)) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            if member.name.endswith(".jinja") and "/models/templates/" in member.name:
                yield pathlib.PurePath(member.name).stem, tar.extractfile(member).read().decode()


def ours(stemma, template, variables, folder):
    given = dict(variables)
    command = [stemma, "tokenizer", "chat", "--chat-template", template, "--json"]
    for flag, key in (("--messages", "messages"), ("--tools", "tools")):
        if (value := given.pop(key)) is not None:
            file = folder / f"{key}.json"
            file.write_text(json.dumps(value, ensure_ascii=False))
            command += [flag, file]
    given.pop("documents")
    if not given.pop("add_generation_prompt"):
        command.append("--generation-prompt=false")
    for key, token in TOKENS.items():
        command += ["--" + key.replace("_", "-"), token]
    command += ["--variables", json.dumps(given, ensure_ascii=False)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)["text"], None
    return None, done.stderr.strip()


def theirs(environment, source, variables):
    try:
        given = {**TOKENS, **variables, "messages": chat_peer.normal(variables["messages"])}
        return environment.from_string(source).render(**given), None
    except Exception as error:  # whatever a template does to Python
        return None, f"{type(error).__name__}: {error}"


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: {a[max(at - 40, 0):at + 40]!r} / {b[max(at - 40, 0):at + 40]!r}"


def compare(name, source, args, folder):
    environment = chat_peer.environment()
    file = folder / "template.jinja"
    file.write_text(source)
    cases = equal = refused = 0
    for case, variables in chat_peer.conversations():
        environment.globals["strftime_now"] = datetime.datetime.now().strftime
        text, error = ours(args.stemma, file, variables, folder)
        wanted, wanted_error = theirs(environment, source, variables)
        cases += 1
        refused += wanted is None and text is None
        equal += wanted is not None and text == wanted
        if text != wanted:
            what = (first_difference(text, wanted) if text is not None and wanted is not None
                    else f"stemma: {error or 'renders'}; jinja2: {wanted_error or 'renders'}")
            print(f"  {name}, {case}: {what}")
    print(f"{name}: {cases} conversations, {equal} equal, {refused} refused by both"
          f"{'' if equal + refused == cases else ', DIFFERENT'}")
    return equal + refused == cases and equal > 0, equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stemma", type=pathlib.Path, default=ROOT / "build/release/src/cli/stemma")
    parser.add_argument("--downloads", type=pathlib.Path, default=ROOT / "build/downloads")
    parser.add_argument("--folder", type=pathlib.Path, help="templates of your own instead of the public ones")
    parser.add_argument("--only", default="", help="templates whose name contains this")
    args = parser.parse_args()
    good = equal = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, source in templates(args):
            if args.only.lower() not in name.lower():
                continue
            same, rendered = compare(name, source, args, pathlib.Path(folder))
            count, good, equal = count + 1, good + same, equal + rendered
    print(f"{good} of {count} templates agree with jinja2, {equal} texts are equal")
    if good < count or (not args.folder and not args.only and count < LEAST):
        sys.exit(1)


if __name__ == "__main__":
    main()
