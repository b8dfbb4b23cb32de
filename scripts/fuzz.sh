#!/usr/bin/env bash
# Builds the fuzz targets (clang-16, libFuzzer, ASan, UBSan) and runs each for a bounded time.
#
#   scripts/fuzz.sh                      every target for 20 seconds
#   scripts/fuzz.sh 5                    every target for 5 seconds
#   scripts/fuzz.sh 600 safetensors      this one for ten minutes
#
# What it finds interesting stays in build/fuzz/corpus/, an input that crashes in build/fuzz/crashes/.
# Repeat a crash with: build/asan/tests/fuzz/NAME_fuzz build/fuzz/crashes/FILE
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-20}
[[ $seconds =~ ^[0-9]+$ ]] || fail "the first argument is the number of seconds for each target"
shift || true
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cc; do names+=("$(basename "$source" _fuzz.cc)"); done
fi
for name in "${names[@]}"; do
  [ -f "tests/fuzz/${name}_fuzz.cc" ] || fail "there is no tests/fuzz/${name}_fuzz.cc"
done

build asan "${names[@]/%/_fuzz}"

mkdir -p build/fuzz/crashes

# fuzz NAME: one target; its output lies in build/fuzz/NAME.log.
fuzz() {
  local name=$1 corpus=build/fuzz/corpus/$1
  mkdir -p "$corpus"
  rm -f "build/fuzz/$name.passed"
  "build/asan/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=16384 -artifact_prefix="build/fuzz/crashes/$name-" "$corpus" "tests/fuzz/seeds/$name" \
    > "build/fuzz/$name.log" 2>&1 && touch "build/fuzz/$name.passed"
}

# As many at a time as there are cores.
for name in "${names[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(cores)" ]; do wait -n || true; done
  fuzz "$name" &
done
wait

crashed=()
for name in "${names[@]}"; do
  log=build/fuzz/$name.log
  if [ -f "build/fuzz/$name.passed" ]; then
    printf '%-16s %s\n' "$name" "$(grep -E '^Done|^#[0-9]+.*DONE' "$log" | tail -1)"
  else
    crashed+=("$name")
    tail -40 "$log"
    printf '%-16s CRASHED, see %s and build/fuzz/crashes/\n' "$name" "$log"
  fi
done
if [ ${#crashed[@]} -gt 0 ]; then fail "${#crashed[@]} of ${#names[@]} fuzz targets crashed: ${crashed[*]}"; fi
echo "all ${#names[@]} fuzz targets passed"
