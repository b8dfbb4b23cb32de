"""Peers of stemma's server, each as a process that serve_speed.py starts: writes the same work in the same form, a line
of JSON with output tokens a second and the times to the first token.

    python serve_workers.py openvino MODEL_FOLDER --streams 32 --requests 64 --prompt 128 --output 128
"""
import argparse
import json
import random
import time

WORDS = 40000  # ids of a prompt are drawn below this


def prompts(count, length, seed):
    draw = random.Random(seed)
    return [[draw.randrange(1000, WORDS) for _ in range(length)] for _ in range(count)]


def closed_loop(args, add, step):
    """`args.streams` requests at a time. add(number, ids) starts one; step() returns the numbers that got a token, and of
    those the ones that are done."""
    waiting = list(enumerate(prompts(args.requests, args.prompt, args.seed)))
    started, first, under_way = {}, {}, 0
    begin = time.perf_counter()
    while waiting or under_way:
        while waiting and under_way < args.streams:
            number, ids = waiting.pop(0)
            started[number] = time.perf_counter()
            add(number, ids)
            under_way += 1
        wrote, done = step()
        now = time.perf_counter()
        for number in wrote:
            first.setdefault(number, now - started[number])
        under_way -= len(done)
    return time.perf_counter() - begin, list(first.values())


def openvino(args):
    import numpy as np
    import openvino as ov
    import openvino_genai as genai

    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = 4
    scheduler.max_num_seqs = args.streams
    pipe = genai.ContinuousBatchingPipeline(args.model, scheduler, "CPU", {"INFERENCE_PRECISION_HINT": args.precision})
    config = genai.GenerationConfig(max_new_tokens=args.output, ignore_eos=True, do_sample=False)
    handles = {}

    def add(number, ids):
        handles[number] = pipe.add_request(number, ov.Tensor(np.array([ids], dtype=np.int64)), config)

    def step():
        pipe.step()
        wrote, done = [], []
        for number, handle in list(handles.items()):
            if handle.can_read():
                handle.read()
                wrote.append(number)
            if handle.get_status() != genai.GenerationStatus.RUNNING:
                done.append(number)
                del handles[number]
        return wrote, done

    return closed_loop(args, add, step)


def static_batches(args, write):
    """A peer without continuous batching: batches of `streams`, one after the other. write(batch, tokens)."""
    lists = prompts(args.requests, args.prompt, args.seed)
    first, begin = [], time.perf_counter()
    for at in range(0, len(lists), args.streams):
        batch = lists[at:at + args.streams]
        start = time.perf_counter()
        first += [write(batch, args.output) - start] * len(batch)
    return time.perf_counter() - begin, first


def ctranslate2(args):
    import ctranslate2

    generator = ctranslate2.Generator(args.model, device="cpu", inter_threads=1, intra_threads=args.threads,
                                      compute_type=args.precision)
    vocabulary = json.load(open(args.model + "/vocabulary.json"))

    def write(batch, tokens):
        first = [0.0]

        def seen(step):
            first[0] = first[0] or time.perf_counter()
            return False

        generator.generate_batch([[vocabulary[id] for id in ids] for ids in batch], max_length=tokens, min_length=tokens,
                                 sampling_topk=1, include_prompt_in_result=False, callback=seen)
        return first[0]

    return static_batches(args, write)


def transformers(args):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()

    def write(batch, tokens):
        first = [0.0]
        ids = torch.tensor(batch)
        with torch.no_grad():
            out = model(ids, use_cache=True)
            first[0] = time.perf_counter()
            last = out.logits[:, -1:].argmax(-1)
            for _ in range(tokens - 1):
                out = model(last, past_key_values=out.past_key_values, use_cache=True)
                last = out.logits[:, -1:].argmax(-1)
        return first[0]

    return static_batches(args, write)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["openvino", "ctranslate2", "transformers"])
    parser.add_argument("model")
    for name, value in (("streams", 32), ("requests", 64), ("prompt", 128), ("output", 128), ("seed", 1), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--precision", default="f32")
    args = parser.parse_args()
    seconds, first = globals()[args.peer](args)
    first.sort()
    print(json.dumps({"tokens_per_s": args.requests * args.output / seconds, "first_p50": first[len(first) // 2],
                      "first_p95": first[int(0.95 * len(first))]}))


if __name__ == "__main__":
    main()
