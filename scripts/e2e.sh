#!/usr/bin/env bash
# What others make of our files and our server: fine-tunes small real models for a few steps and opens
# the results with transformers and PEFT, which must give the same probabilities; reads an adapter that
# PEFT wrote; asks the server with OpenAI's client; opens its page in a browser; and lets lm-eval compute
# SmolLM2's figures through it. CI runs it after scripts/test.sh. Needs the network for Python packages
# (PyPI), which go to build/e2e and build/lm-eval; without it, or without the models, it says so and ends
# with 0. A quarter of an hour on two cores, most of it lm-eval's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

environment=build/e2e
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
  printf 'skipped: %s\n' "$*"
  exit 0
}

[ -x build/release/src/cli/stemma ] || fail "build stemma first: scripts/test.sh release"
[ -f models/minilm/config.json ] || skip "models/minilm is not there (scripts/get-model.sh minilm)"

if ! cmp -s scripts/e2e-requirements.txt "$environment/ready"; then
  say "a Python environment in $environment"
  command -v python3 > /dev/null && python3 -m venv "$environment" 2> /dev/null ||
    skip "python3 with venv is not installed (Debian: python3-venv)"
  "$environment/bin/pip" install --quiet --disable-pip-version-check \
    -r scripts/e2e-requirements.txt ||
    skip "the packages of scripts/e2e-requirements.txt cannot be installed"
  cp scripts/e2e-requirements.txt "$environment/ready"
fi

stemma=$PWD/build/release/src/cli/stemma
table=$work/mails.csv
{
  echo text,label
  for i in $(seq 1 30); do
    echo "where is parcel $i,delivery"
    echo "please return the money of order $i,refund"
    echo "the lamp number $i does not shine,defect"
  done
} > "$table"
printf 'where is it\nthe money back, please\nit is broken\n' > "$work/texts.txt"
words=$work/words.conll
for i in $(seq 1 30); do
  printf 'Anna B-PER\nlives O\nin O\nRome B-LOC\n\nShe O\nmet O\nBob B-PER\nMiller I-PER\n\n'
done > "$words"

# tune NAME OPTION...: a few steps, then both answer the same texts.
tune() {
  local name=$1
  shift
  say "$name"
  "$stemma" finetune --run "$work/$name" --epochs 1 --batch 8 --max-tokens 32 --small-changes=false \
    "$@" 2> "$work/$name.log" > /dev/null || { cat "$work/$name.log"; exit 1; }
  "$stemma" predict --model "$work/$name" --input "$work/texts.txt" 2> /dev/null > "$work/$name.jsonl"
  "$environment/bin/python" scripts/e2e_check.py "$work/$name" "$work/texts.txt" "$work/$name.jsonl"
}

tune classes --model models/minilm --train "$table"
tune lora --model models/minilm --train "$table" --adapt lora --targets all
tune tags --model models/minilm --train "$words" --task tokens
if [ -f models/smollm2/config.json ]; then
  tune decoder --model models/smollm2 --train "$table" --adapt lora --marks own
fi
say "chat templates"
"$environment/bin/python" scripts/peers/compare_templates.py > "$work/templates.txt" ||
  { grep -v ' 0 refused' "$work/templates.txt" || true; exit 1; }
tail -n 1 "$work/templates.txt"
say "a merged adapter"
"$stemma" merge --model models/minilm --adapter "$work/lora" --to "$work/merged" 2> /dev/null
"$stemma" predict --model "$work/merged" --input "$work/texts.txt" 2> /dev/null > "$work/merged.jsonl"
"$environment/bin/python" scripts/e2e_check.py "$work/merged" "$work/texts.txt" "$work/merged.jsonl"
if [ -f models/smollm2/config.json ]; then
  "$stemma" serve --model models/smollm2 --model "$work/classes" --model "$work/tags" --port 0 \
    --precision f32 \
    2> "$work/serve.log" > /dev/null &
  server=$!
  trap 'kill $server 2> /dev/null || true; rm -rf "$work"' EXIT
  for _ in $(seq 1 100); do
    url=$(sed -n 's/^listening on //p' "$work/serve.log")
    [ -z "$url" ] || break
    sleep 0.1
  done
  [ -n "$url" ] || { cat "$work/serve.log"; exit 1; }
  say "OpenAI's client"
  "$environment/bin/python" scripts/e2e_openai.py "$url/v1" smollm2 || { cat "$work/serve.log"; exit 1; }
  say "the web page in a browser"
  if command -v chromium > /dev/null || scripts/install.sh --browser > "$work/browser.log" 2>&1; then
    "$environment/bin/python" scripts/e2e_page.py "$url/" || { cat "$work/serve.log"; exit 1; }
  else
    printf 'skipped: chromium is not installed and cannot be (Debian: chromium)\n'
  fi
  say "lm-eval"
  scripts/e2e_lm_eval.sh "$url"
fi
printf '\nall peers open what they were given\n'
