#!/usr/bin/env bash
# Installs what the tests need, builds, and passes all tests:
#
#   release  GCC, optimised        every test
#   asan     clang-16, ASan, UBSan the tests labelled `fast`; what computes is optimised
#   fuzz     the same build        every fuzz target for a few seconds
#   tsan     GCC, ThreadSanitizer  the tests labelled `threads`: those of them that start some
#
#   scripts/test.sh               all of them
#   scripts/test.sh release asan  only these
#   scripts/test.sh clang         the tests labelled `fast` by clang-16 alone, all of it optimised
#
# STEMMA_SHARED names the folder of shared test material (default: ../shared beside the repository);
# tests that need it say so and are skipped where it is missing. Nothing comes from the network but
# Debian packages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stages=("$@")
if [ ${#stages[@]} -eq 0 ]; then stages=(release asan fuzz tsan); fi
for stage in "${stages[@]}"; do
  case $stage in
    release | asan | tsan | clang | fuzz) ;;
    *) fail "unknown stage $stage: one of release, asan, tsan, clang, fuzz" ;;
  esac
done

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

# tests PRESET [CTEST-ARGUMENT...]: shows ctest's closing lines, and everything when one failed.
tests() {
  local preset=$1 log=build/tests-$1.log
  shift
  if ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(cores)" "$@" \
    > "$log" 2>&1; then
    sed -n '/tests passed/,$p' "$log"
  else
    cat "$log"
    return 1
  fi
}

times=()
failed=()
# step NAME COMMAND...: runs it, notes its time and whether it failed; a later step runs all the same.
step() {
  local name=$1 begin=$SECONDS result=passed
  shift
  say "$name"
  "$@" || result=FAILED
  if [ "$result" = FAILED ]; then failed+=("$name"); fi
  times+=("$(printf '%-16s %5d s  %s' "$name" "$((SECONDS - begin))" "$result")")
  last_result=$result
}

# build_and_test PRESET [LABEL]: all tests, or those of the label.
build_and_test() {
  local preset=$1 label=${2:-}
  step "$preset build" build "$preset" ${label:+"${label}_tests"}
  if [ "$last_result" = passed ]; then step "$preset tests" tests "$preset" ${label:+-L "$label"}; fi
}

step "install" scripts/install.sh --tests
if [ "$last_result" != passed ]; then exit 1; fi
for stage in "${stages[@]}"; do
  case $stage in
    release) build_and_test release ;;
    fuzz) step "fuzz" scripts/fuzz.sh 4 ;;
    tsan) build_and_test tsan threads ;;
    clang) build_and_test clang fast ;;
    asan) build_and_test asan fast ;;
  esac
done

say "where the time went"
printf '%s\n' "${times[@]}"
printf '%-16s %5d s\n' "all" "$SECONDS"
if [ ${#failed[@]} -gt 0 ]; then
  printf '\n%d of %d steps failed: %s\n' "${#failed[@]}" "${#times[@]}" "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
printf '\nall %d steps passed\n' "${#times[@]}"
