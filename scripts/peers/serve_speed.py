#!/usr/bin/env python3
"""Many clients at once: `stemma serve` in turns with OpenVINO GenAI's continuous batching, llama.cpp's server,
CTranslate2 and transformers, on a GPT-2 124M of random weights.

    scripts/peers/setup_serve.sh && python3 scripts/peers/serve_speed.py --rounds 3

Each peer is started, measured and ended by itself. The two servers are asked over HTTP by `stemma load`, the libraries
from within their process (serve_workers.py), which spares them the HTTP. Prompts are random; nobody can reuse one.
Prints a table of medians with ratios to ours, beside the machine's peaks of the same run, and what llama.cpp's server
and ours do for one user who talks with SmolLM2 (--chat).
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = "time year people way day man thing woman life child world school state family student group country".split()
STEMMA = str(ROOT / "build/release/src/cli/stemma")


class Server:
    """A server process that is ready."""

    def __init__(self, command, url=None):
        # A pipe that nobody reads would stop a server that talks much; ours says a line.
        errors = subprocess.PIPE if url is None else subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, text=True)
        self.url = url
        if url is None:
            for line in self.process.stderr:
                if line.startswith("listening on "):
                    self.url = line.split()[-1]
                    break
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        else:
            self.process.kill()
            raise RuntimeError(f"{command[0]} does not answer at {self.url}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def load(url, args, **more):
    options = {"streams": args.streams, "requests": args.requests, "prompt_words": args.words, "output_tokens": args.output} | more
    command = [STEMMA, "load", "--url", url + "/v1", "--json"]
    for key, value in options.items():
        command += [f"--{key.replace('_', '-')}", str(value)]
    out = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    first = out["first_token_seconds"]
    return {"tokens_per_s": out["output_tokens_per_s"], "first_p50": first["p50"], "first_p95": first["p95"],
            "between": out["between_tokens_seconds"]["p50"], "prompt_tokens": out["prompt_tokens"] / out["requests"]}


def stemma(args, model, port, *more):
    return Server([STEMMA, "serve", "--model", model, "--port", str(port), "--streams", str(args.streams),
                   "--queue", "1024", *more])


def llama(args, model, port, streams):
    server = str(args.peers / "llama-server")
    return Server([server, "-m", model, "--port", str(port), "-np", str(streams), "-c", str(streams * 1024), "-t",
                   str(args.threads), "-tb", str(args.threads), "--no-webui"], f"http://127.0.0.1:{port}")


def worker(args, environment, peer, model, *more):
    command = [str(args.peers / environment / "bin/python"), str(ROOT / "scripts/peers/serve_workers.py"), peer, model,
               "--streams", str(args.streams), "--requests", str(args.requests), "--prompt", str(args.prompt),
               "--output", str(args.output), "--threads", str(args.threads), *more]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def served(server, args, **more):
    with server as s:
        load(s.url, args, **(more | {"requests": more.get("streams", args.streams), "output_tokens": 8}))  # warm
        return load(s.url, args, **more)


def many(args):
    at = lambda name: str(args.peers / name)
    return {
        "stemma, f32": lambda: served(stemma(args, at("gpt2"), 8181), args),
        "stemma, f32, bf16 cache": lambda: served(stemma(args, at("gpt2"), 8182, "--cache-type", "bf16"), args),
        "the same without HTTP": lambda: engine(args, "--cache-type", "bf16"),
        "OpenVINO, f32": lambda: worker(args, "ov", "openvino", at("gpt2-ov")),
        "llama.cpp server, F16": lambda: served(llama(args, at("gpt2-f16.gguf"), 8183, args.streams), args, model="gpt2"),
        "CTranslate2, f32": lambda: worker(args, "ct", "ctranslate2", at("gpt2-ct"), "--precision", "float32"),
        "transformers, f32": lambda: worker(args, "ct", "transformers", at("gpt2"), "--requests", str(args.streams)),
    }


def engine(args, *more):
    """Requests of this kind without HTTP, as rows of a batch, less the time of a start."""
    def seconds(rows, tokens):
        words = random.Random(2)
        lines = [json.dumps({"prompt": " ".join(words.choices(WORDS, k=args.words))}) for _ in range(rows)]
        command = [STEMMA, "generate", "--model", str(args.peers / "gpt2"), "--batch", "-", "--max-tokens", str(tokens),
                   "--ignore-eot", *more]
        begin = time.perf_counter()
        subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
        return time.perf_counter() - begin

    start = seconds(1, 1)
    return {"tokens_per_s": args.requests * args.output / (seconds(args.requests, args.output) - start)}


def chat(args):
    """One user, SmolLM2: the tokens of an answer, and the first token after a prompt of about 200."""
    gguf = str(min((ROOT / "models/smollm2").glob("*.gguf")))
    one = {"streams": 1, "requests": args.chats, "prompt_words": 200, "output_tokens": 128}
    return {
        "stemma, bf16": lambda: served(stemma(args, str(ROOT / "models/smollm2"), 8184, "--weights", "bf16"), args, **one),
        "stemma, the GGUF's Q4_1": lambda: served(stemma(args, gguf, 8185), args, **one),
        "llama.cpp server, Q4_1": lambda: served(llama(args, gguf, 8186, 1), args, model="smollm2", **one),
    }


def peaks():
    out = subprocess.run([STEMMA, "doctor", "--json"], capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def measure(works, args):
    results = {name: [] for name in works}
    for _ in range(args.rounds):
        for name, work in works.items():
            if args.only and not any(word in name for word in args.only):
                continue
            try:
                results[name].append(work())
                print(f"{name}: {json.dumps(results[name][-1])}", file=sys.stderr, flush=True)
            except (subprocess.CalledProcessError, FileNotFoundError, RuntimeError) as error:
                print(f"{name}: {error}: {getattr(error, 'stderr', '') or ''}"[:600])
    ours = None
    print(f"{'':26}{'tokens/s':>10}{'ours is':>9}{'first p50':>11}{'first p95':>11}{'between':>9}")
    for name, rows in results.items():
        if not rows:
            continue
        median = lambda key: statistics.median(row[key] for row in rows) if key in rows[0] else float("nan")
        rate = median("tokens_per_s")
        ours = ours or rate
        print(f"{name:26}{rate:>10.1f}{ours / rate:>8.2f}x{median('first_p50'):>10.3f}s{median('first_p95'):>10.3f}s"
              f"{1e3 * median('between'):>7.1f}ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("streams", 32), ("requests", 64), ("prompt", 128), ("words", 128), ("output", 128), ("rounds", 3),
                        ("chats", 5), ("threads", os.cpu_count())):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / "build/peers-serve")
    parser.add_argument("--only", nargs="*", default=[], help="words of the names to measure")
    parser.add_argument("--chat", action="store_true", help="one user and SmolLM2 instead")
    args = parser.parse_args()
    args.peers = args.peers.resolve()
    print("peaks:", json.dumps(peaks().get("peaks", {})))
    measure(chat(args) if args.chat else many(args), args)


if __name__ == "__main__":
    main()
