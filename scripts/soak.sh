#!/usr/bin/env bash
# The server under load and faults. 256 clients with prompts of different lengths ask for ten
# minutes: chats and completions of the model, embeddings of MiniLM and classes of a small classifier
# that is fine-tuned first. A tenth of them leaves in the middle of an answer. No request may fail,
# the longest wait for a first token is at most three times the median of the chats (embeddings and
# classes, which wait for their turn and not for a place in the batch, are asked the same), and the
# server's memory stays within 2 % of what it was after the first quarter (the cache is small, so
# that it is full by then, and requests have to give way to each other). Then the tests of what
# clients and people do wrong.
#   scripts/soak.sh                              # ten minutes with models/smollm2
#   scripts/soak.sh --minutes 1 --model FOLDER --clients 256
# The machine should be idle otherwise. Prints the figures and ends with 1 where one is not reached.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

minutes=10 model=models/smollm2 clients=256 streams=32
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2 ;;
    --model) model=$2 ;;
    --clients) clients=$2 ;;
    --streams) streams=$2 ;;
    *) fail "unknown option $1: --minutes, --model, --clients, --streams" ;;
  esac
  shift 2
done
stemma=build/release/src/cli/stemma
[ -x $stemma ] || fail "build stemma first: scripts/test.sh release"
[ -e "$model" ] || fail "$model is not there (scripts/get-model.sh smollm2)"
[ -e models/minilm ] || fail "models/minilm is not there (scripts/get-model.sh minilm)"

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT
say "a small classifier"
{
  echo text,label
  for i in $(seq 1 30); do
    printf 'where is parcel %s,delivery\nplease return the money of order %s,refund\n' "$i" "$i"
  done
} > "$work/mails.csv"
$stemma finetune --model models/minilm --train "$work/mails.csv" --run "$work/mails" --epochs 1 \
  --small-changes=false > "$work/finetune.log" 2>&1 || { cat "$work/finetune.log"; exit 1; }

name=$(basename "$model")
$stemma serve --model "$model" --model models/minilm --model "$work/mails" --port 0 --streams "$streams" --queue 1024 \
  --cache-memory 500000000 \
  > "$work/access.jsonl" 2> "$work/serve.log" &
server=$!
for _ in $(seq 1 300); do
  url=$(sed -n 's/^listening on //p' "$work/serve.log")
  [ -z "$url" ] || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$work/serve.log"; fail "the server does not start"; }

say "$clients clients for $minutes minutes at $url"
while sleep 1; do
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server/status" 2> /dev/null || break
done > "$work/memory" &
sampler=$!
seconds=$(awk "BEGIN { print 60 * $minutes }")
$stemma load --url "$url/v1" --streams "$clients" --requests 0 --seconds "$seconds" \
  --routes "chat=$name" "completions=$name" embeddings=minilm classify=mails \
  --prompt-words 4-128 --output-tokens 16 --leave-share 0.1 --json > "$work/load.json" ||
  { cat "$work/load.json" "$work/serve.log"; fail "the load failed"; }
kill $sampler
wait $sampler 2> /dev/null || true

value() { # of a key of the load's JSON
  tr -d ' \n' < "$work/load.json" | sed "s/.*\"$1\":\([-0-9.e+]*\).*/\1/"
}
printf '%s requests, %s failed, %s left, %s output tokens/s\n' "$(value requests)" \
  "$(value failed)" "$(value left)" "$(value output_tokens_per_s)"
wait_of() { # ROUTE KEY: of the times to its first token; "answered": how many there are
  tr -d ' \n' < "$work/load.json" | sed "s/.*\"$1\":{\(\"answered\":[^}]*\)}.*/\1/" |
    sed "s/.*\"$2\":\([-0-9.e+]*\).*/\1/"
}
usual=$(wait_of chat p50)
for route in chat completions embeddings classify; do
  awk -v route=$route -v answered="$(wait_of $route answered)" -v usual="$usual" \
    -v median="$(wait_of $route p50)" -v longest="$(wait_of $route max)" 'BEGIN {
      printf "%-12s %5d answered, first token: median %.2f s, longest %.2f s (%.2f of chat%ss median, at most 3)\n",
        route, answered, median, longest, longest / usual, "\047"
      exit longest > 3 * usual }' || fail "somebody waited too long"
done
awk '{ kib[NR] = $1 } END {
  first = kib[int(NR / 4) + 1]; last = kib[NR]
  printf "resident memory: %.1f MiB after a quarter, %.1f MiB at the end (%+.2f %%, at most 2)\n", \
    first / 1024, last / 1024, 100 * (last - first) / first
  exit last > 1.02 * first }' "$work/memory" || fail "the server's memory grows"

say "SIGTERM: what is under way ends first"
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[ "$code" = 143 ] || { cat "$work/serve.log"; fail "the server ended with $code"; }

say "faults"
cmake --build --preset release --target serve_tests cli_tests
STEMMA_SHARED=${STEMMA_SHARED:-../shared} build/release/tests/serve_tests --gtest_brief=1
build/release/tests/cli_tests --gtest_brief=1 --gtest_filter='Serve.*'
printf '\nthe server stood it\n'
