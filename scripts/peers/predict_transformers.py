"""Classifies texts with transformers' pipeline, to be timed beside `stemma predict`.

    build/peers/bin/python scripts/peers/predict_transformers.py --model runs/peer-sst2 --text sentences.txt
    build/peers/bin/python scripts/peers/predict_transformers.py --model runs/peer-sst2 --text lines.txt --out guesses.jsonl

The file holds one text a line. Prints one JSON line: texts, seconds (loading left out), texts a second and the
process's largest memory. --out writes label and score of each text as JSON lines.
"""
import argparse
import json
import resource
import time

import torch
from transformers import pipeline


def main():
    if ARGS.threads:
        torch.set_num_threads(ARGS.threads)
    with open(ARGS.text, encoding="utf-8") as stream:
        texts = [line.rstrip("\n") for line in stream][:ARGS.rows or None]
    classify = pipeline("text-classification", model=ARGS.model, device="cpu", dtype=torch.float32)
    begin = time.perf_counter()
    guesses = list(classify(texts, batch_size=ARGS.batch, truncation=True, max_length=ARGS.max_length))
    seconds = time.perf_counter() - begin
    if ARGS.out:
        with open(ARGS.out, "w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(guess, ensure_ascii=False) + "\n" for guess in guesses)
    print(json.dumps({"texts": len(texts), "seconds": round(seconds, 3),
                      "texts_per_second": round(len(texts) / seconds, 2),
                      "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a Hugging Face folder with a classification head")
    parser.add_argument("--text", required=True, help="one text a line")
    parser.add_argument("--rows", type=int, default=0, help="the first lines only")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch; 0: as many as it likes")
    parser.add_argument("--out", help="file for the guesses")
    ARGS = parser.parse_args()
    main()
