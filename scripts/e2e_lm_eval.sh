#!/usr/bin/env bash
# EleutherAI's lm-eval asks a server at URL for SmolLM2's figures on 200 questions of ARC-easy and 200
# texts of LAMBADA (/v1/completions with echo and logprobs), and computes the same by itself with
# transformers: equal to the third digit, or exit code 1.
#   stemma serve --model models/smollm2 --precision f32 & scripts/e2e_lm_eval.sh http://127.0.0.1:8080
# lm-eval comes from PyPI, into build/lm-eval; needs the shared data (STEMMA_SHARED). Some ten minutes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

url=${1:-http://127.0.0.1:8080}
environment=build/lm-eval
shared=${STEMMA_SHARED:-../shared}
skip() {
  printf 'skipped: %s\n' "$*"
  exit 0
}
[ -f "$shared/data/lambada/lambada_test_first_half.jsonl.xz" ] || skip "the shared data are not there"
if [ ! -f "$environment/ready" ]; then
  python3 -m venv "$environment" 2> /dev/null || skip "python3 with venv is not installed (Debian: python3-venv)"
  "$environment/bin/pip" install --quiet --disable-pip-version-check 'lm-eval[api]==0.4.13' torch \
    transformers==5.24.0 accelerate || skip "lm-eval cannot be installed"
  touch "$environment/ready"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$environment/bin/python" scripts/e2e_lm_eval.py tasks "$shared" "$work/tasks"
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1
evaluate() { # NAME MODEL MODEL_ARGUMENTS OPTION...
  local name=$1 model=$2 arguments=$3
  shift 3
  "$environment/bin/lm_eval" run --model "$model" --model_args "$arguments" \
    --tasks stemma_arc_easy,stemma_lambada --include_path "$work/tasks" --output_path "$work/$name" "$@" \
    > "$work/$name.log" 2>&1 || { tail -n 30 "$work/$name.log"; exit 1; }
}
folder=$PWD/models/smollm2
evaluate served local-completions \
  "base_url=$url/v1/completions,model=smollm2,tokenizer_backend=huggingface,tokenizer=$folder,num_concurrent=8"
evaluate own hf "pretrained=$folder,dtype=float32" --device cpu --batch_size 8
"$environment/bin/python" scripts/e2e_lm_eval.py same "$work/served" "$work/own"
