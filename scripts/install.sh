#!/usr/bin/env bash
# Installs the Debian 12 packages that Stemma needs; as root or through sudo.
#
#   scripts/install.sh           to build and run it, and the quickstart's text
#   scripts/install.sh --tests   and to pass all tests (second compiler, sanitizers, fuzzing, oneDNN)
#   scripts/install.sh --dev     and clang-format, clang-tidy
#   scripts/install.sh --browser to test the server's page in a browser (scripts/e2e.sh)
#
# What is there already is left alone: with every package installed it needs neither network nor root.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Why each is needed: docs/decisions.md.
packages=(
  cmake g++ ninja-build
  libhwy-dev libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev
  libzstd-dev zlib1g-dev libxxhash-dev libicu-dev libboost-dev libssl-dev libedit-dev
  libgtest-dev libbenchmark-dev
  bible-kjv
)
tests=(libdnnl-dev clang-16 libclang-rt-16-dev)
browser=(chromium)
dev=(clang-format-16 clang-tidy-16)

for option in "$@"; do
  case $option in
    --tests) packages+=("${tests[@]}") ;;
    --dev) packages+=("${tests[@]}" "${dev[@]}") ;;
    --browser) packages+=("${browser[@]}") ;;
    -h | --help)
      sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown option $option (see scripts/install.sh --help)" ;;
  esac
done

command -v apt-get > /dev/null || fail "this script needs Debian's apt-get; the packages are: ${packages[*]}"

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "all ${#packages[@]} Debian packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo > /dev/null || fail "run this as root, or install sudo; missing packages: ${missing[*]}"
  as_root=(sudo)
fi
say "installing ${#missing[@]} Debian packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
