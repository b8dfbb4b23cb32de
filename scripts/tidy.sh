#!/usr/bin/env bash
# Runs clang-tidy-16 and clang-format-16 (needs scripts/install.sh --dev).
#
#   scripts/tidy.sh                     the .cc files that differ from HEAD, or are new
#   scripts/tidy.sh --all               every .cc file of src/, tests/ and benchmarks/
#   scripts/tidy.sh src/base/json.cc    these
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for tool in clang-tidy-16 clang-format-16; do
  command -v "$tool" > /dev/null || fail "$tool is missing: scripts/install.sh --dev"
done
case ${1:-} in
  --all) mapfile -t files < <(git ls-files 'src/*.cc' 'src/*.h' 'tests/*.cc' 'tests/*.h' 'benchmarks/*.cc') ;;
  "") mapfile -t files < <(
    {
      git diff --name-only --diff-filter=d HEAD
      git ls-files --others --exclude-standard
    } | grep -E '^(src|tests|benchmarks)/.*\.(cc|h)$' | sort -u) ;;
  *) files=("$@") ;;
esac
if [ ${#files[@]} -eq 0 ]; then
  echo "no source file differs from HEAD"
  exit 0
fi

clang-format-16 --dry-run -Werror "${files[@]}"
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cc$')
if [ ${#sources[@]} -eq 0 ]; then exit 0; fi
# A compile database with each source alone.
cmake --preset debug > /dev/null
printf '%s\0' "${sources[@]}" |
  xargs -0 -n 1 -P "$(cores)" clang-tidy-16 -p build/debug --quiet --extra-arg=-Wno-unknown-warning-option
