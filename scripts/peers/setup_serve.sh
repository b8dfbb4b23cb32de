#!/usr/bin/env bash
# Makes what scripts/peers/serve_speed.py compares `stemma serve` with, all from PyPI, under
# build/peers-serve (or the folder given): OpenVINO GenAI and CTranslate2 with transformers in
# environments of their own, llama.cpp's server from the sources of llama-cpp-python, compiled for
# this machine, and a GPT-2 124M of random weights in each one's form.
#   scripts/peers/setup_serve.sh && python3 scripts/peers/serve_speed.py
# Development only. About 6 GB and a quarter of an hour on two cores; a second call does what is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${1:-$here/../../build/peers-serve}
mkdir -p "$target"
target=$(cd "$target" && pwd)

environment() {  # NAME PACKAGE...
  local name=$1
  shift
  [ -x "$target/$name/bin/python" ] || python3 -m venv "$target/$name"
  [ -f "$target/$name/ready" ] || "$target/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
  touch "$target/$name/ready"
}
environment ov openvino-genai==2026.4.1.0 "optimum-intel[openvino]==2.2.0"
environment ct ctranslate2==4.8.5 transformers==5.24.0 torch==2.15.0

if [ ! -x "$target/llama-server" ]; then
  "$target/ov/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$target" llama-cpp-python==0.3.36
  mkdir -p "$target/llama"
  tar -xzf "$target"/llama_cpp_python-*.tar.gz -C "$target/llama" --strip-components 1
  cmake -S "$target/llama/vendor/llama.cpp" -B "$target/llama/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF > "$target/llama/cmake.log"
  cmake --build "$target/llama/build" --target llama-server --parallel "$(nproc)" > "$target/llama/build.log"
  cp "$target/llama/build/bin/llama-server" "$target/llama-server"
fi

[ -f "$target/gpt2/model.safetensors" ] || "$target/ct/bin/python" "$here/serve_model.py" "$target/gpt2"
[ -f "$target/gpt2-ov/openvino_model.xml" ] ||
  "$target/ov/bin/optimum-cli" export openvino --model "$target/gpt2" --task text-generation-with-past \
    --weight-format fp32 "$target/gpt2-ov"
[ -f "$target/gpt2-ct/model.bin" ] ||
  "$target/ct/bin/ct2-transformers-converter" --model "$target/gpt2" --output_dir "$target/gpt2-ct"
[ -f "$target/gpt2-f16.gguf" ] ||
  PYTHONPATH=$target/llama/vendor/llama.cpp/gguf-py "$target/ct/bin/python" \
    "$target/llama/vendor/llama.cpp/convert_hf_to_gguf.py" "$target/gpt2" --outtype f16 --outfile "$target/gpt2-f16.gguf"
ls "$target"
