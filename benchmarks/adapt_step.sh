#!/usr/bin/env bash
# What an adapter saves: a step of fine-tuning all weights beside one of LoRA, in turns, seconds a step and the largest
# memory of the process.
#
#   scripts/get-model.sh smollm2; scripts/task-data.sh sst2
#   benchmarks/adapt_step.sh [--model models/smollm2] [--rounds 3] [--steps 12] [--batch 32]
#
# Prints a line a run and, at the end, the ratios of the medians. Run it with nothing beside.
set -euo pipefail
cd "$(dirname "$0")/.."

model=models/smollm2 rounds=3 steps=12 batch=32 stemma=build/release/src/cli/stemma
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { echo "$1 needs a value: see the head of $0" >&2; exit 2; }
  case $1 in
    --model) model=$2 ;;
    --rounds) rounds=$2 ;;
    --steps) steps=$2 ;;
    --batch) batch=$2 ;;
    --stemma) stemma=$2 ;;
    *) echo "unknown option $1: see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done
[ "$steps" -ge 5 ] || { echo "--steps must be at least 5: the first three are left out" >&2; exit 2; }
rows=data/tasks/sst2/train.tsv
[ -f "$rows" ] || { echo "no $rows: run scripts/task-data.sh sst2" >&2; exit 3; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
head -n $((1 + batch * steps)) "$rows" > "$folder/rows.tsv"

# Seconds a step, the first three left out, and bytes.
measure() {
  rm -rf "$folder/run"
  "$stemma" finetune --model "$model" --train "$folder/rows.tsv" --dev-fraction 0 --batch "$batch" --epochs 1 \
    --max-tokens 128 --adapt "$1" --run "$folder/run" --json 2> "$folder/log" > "$folder/result.json" ||
    { cat "$folder/log" >&2; exit 1; }
  local seconds bytes
  seconds=$(awk -F'"seconds": *' '/"loss"/ { split($2, a, /[,}]/); if (NR == 3) first = a[1]; last = a[1]; n = NR }
    END { print (last - first) / (n - 3) }' "$folder/run/metrics.jsonl")
  bytes=$(grep -o '"peak_memory_bytes": *[0-9]*' "$folder/result.json" | grep -o '[0-9]*$')
  printf '%-5s %.3f s a step  %.2f GB\n' "$1" "$seconds" "$(awk "BEGIN { print $bytes / 1e9 }")"
  echo "$seconds $bytes" >> "$folder/$1"
}
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for _ in $(seq "$rounds"); do
  measure full
  measure lora
done
for column in 1 2; do
  awk "BEGIN { printf \"%s of LoRA to full: %.2f\\n\", $column == 1 ? \"time\" : \"memory\",
    $(cut -d' ' -f$column "$folder/lora" | median) / $(cut -d' ' -f$column "$folder/full" | median) }"
done
