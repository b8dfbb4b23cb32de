# shellcheck shell=bash
# What the scripts beside it share; to be sourced. Goes to the repository's root.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
cores() { nproc; }

# build PRESET [TARGET...]: configures and builds build/PRESET.
# (Without `set -e`, which bash switches off where the caller tests the result.)
build() {
  local preset=$1
  shift
  mkdir -p build
  cmake --preset "$preset" > "build/configure-$preset.log" 2>&1 || {
    cat "build/configure-$preset.log"
    return 1
  }
  local targets=()
  if [ $# -gt 0 ]; then targets=(--target "$@"); fi
  cmake --build "build/$preset" --parallel "$(cores)" "${targets[@]}"
}
