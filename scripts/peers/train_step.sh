#!/usr/bin/env bash
# GPT-2 124M training steps of stemma and of PyTorch in turns on this machine, and what each reaches.
# Usage: scripts/peers/train_step.sh [BATCH [ROUNDS]]     (default 4 and 2; 1,024 tokens a sequence)
# Needs the release build and scripts/peers/setup.sh (or PYTHON=...). Prints a line a run, and at the end
# the best of each side: tokens/s, peak memory, and the ratio.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
stemma=${STEMMA:-$project/build/release/src/cli/stemma}
python=${PYTHON:-$project/build/peers/bin/python}
batch=${1:-4}
rounds=${2:-2}
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for _ in $(seq "$rounds"); do
  for precision in f32 bf16; do
    "$stemma" bench train --model gpt2 --batch "$batch" --seq 1024 --precision "$precision" --steps 3 \
      --json 2>/dev/null | tee -a "$results"
  done
  for mode in ${MODES:-eager-f32 compiled-f32 eager-bf16 compiled-bf16}; do
    "$python" "$project/scripts/peers/torch_train_step.py" --batch "$batch" --one "$mode" --steps 3 \
      2>/dev/null | tee -a "$results"
  done
done
"$python" - "$results" <<'END'
import json, sys
best = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    ours = r.get("bench") == "train"
    side = "stemma" if ours else "PyTorch"
    name = r["precision"] + ", " + r["kernels"] if ours else r["mode"]
    memory = r["peak_memory_bytes"]
    if side not in best or r["tokens_per_s"] > best[side][0]:
        best[side] = (r["tokens_per_s"], name, memory)
for side, (rate, name, memory) in best.items():
    print(f"{side}: {rate:.1f} tokens/s ({name}), peak memory {memory / 1e9:.2f} GB")
print(f"ratio: {best['stemma'][0] / best['PyTorch'][0]:.2f}")
END
