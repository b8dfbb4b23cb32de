#!/bin/sh
# Makes the Python environment of the comparisons with peers: build/peers (or the folder given).
# Development only: neither stemma nor its tests use Python.
#   scripts/peers/setup.sh && build/peers/bin/python scripts/peers/torch_train_step.py --batch 1
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/../../build/peers}
if ! python3 -m venv "$target"; then
  echo "python3 -m venv failed: install Debian's python3-venv" >&2
  exit 1
fi
"$target/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$target/bin/python" -c 'import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)'
