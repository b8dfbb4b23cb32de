#!/usr/bin/env bash
# Runs the small inputs that once broke the product (../shared/cases, or $STEMMA_SHARED/cases) and
# checks what comes: the right value, or an error that names the cause.
#
#   scripts/cases.sh           a table of all cases; exit code 1 where one fails
#   scripts/cases.sh NAME ...  these only, with everything that they print
#
# Needs build/release; `expected` and `got before` of a case stand in its README.md.
set -uo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=$(cd "${STEMMA_SHARED:-$root/../shared}" && pwd) || exit 3
export PATH="$root/build/release/src/cli:$PATH"
command -v stemma > /dev/null || { echo "build/release has no stemma: cmake --build --preset release" >&2; exit 3; }
case ${1:-} in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r --no-preserve=mode "$shared/cases" "$work/cases"
export OUT=$work/out HOME=$work/own
mkdir -p "$OUT" "$HOME"
failed=0 ran=0
chosen=("$@")

# check NAME CODE REGEX COMMAND: the command's exit code, and what its two streams must match.
check() {
  local name=$1 code=$2 regex=$3 text rc
  [ ${#chosen[@]} -eq 0 ] || [[ " ${chosen[*]} " == *" $name "* ]] || return 0
  [ -d "$work/cases/$name" ] || { echo "no such case: $name" >&2; failed=1; return 0; }
  ran=$((ran + 1))
  text=$(cd "$work/cases/$name" && rm -rf "$OUT" && mkdir "$OUT" && bash -c "$4" 2>&1 < /dev/null)
  rc=$?
  [ ${#chosen[@]} -eq 0 ] || printf '%s\n' "$text"
  text=$(tr '\n' ' ' <<< "$text" | tr -cd ' -~')  # plain ASCII, on one line
  if [ $rc -eq "$code" ] && [[ $text =~ $regex ]]; then
    printf '| %-34s | ok     | %s\n' "$name" "$(cut -c 1-100 <<< "${BASH_REMATCH[0]}")"
  else
    printf '| %-34s | FAILED | exit %s, wanted %s; %s\n' "$name" $rc "$code" "$(cut -c 1-300 <<< "$text")"
    failed=1
  fi
}
# The ids in a .npy file.
ids='npy() { tail -c +$((11 + $(od -An -tu2 -j8 -N2 "$1"))) "$1" | od -An -v -tu4 | xargs; }; '
tok=../_common/tok model=../_common/m
# The folder's logits against those of the plain model.
same_logits="for m in folder $model; do stemma logits --model \$m --ids 40,69,275,79 --precision f32 --output \$OUT/\$(basename \$m).safetensors; done; cmp \$OUT/folder.safetensors \$OUT/m.safetensors && echo same"
pack="stemma data pack --tokenizer $tok --output \$OUT/pk --input"

check add-bos-token-in-config 0 '\(0\)H\(40\)e\(69\)ll\(275\)o\(79\)' \
  'stemma tokenizer inspect --tokenizer . --text Hello --ids'
check add-prefix-space-in-config 0 '\(221\)H\(40\)e\(69\)ll\(275\)o\(79\)' \
  'stemma tokenizer inspect --tokenizer folder --text Hello --ids &&
   stemma tokenizer convert --tokenizer folder --output $OUT/c && grep -q "add_prefix_space\": true" $OUT/c/tokenizer.json'
check added-token-that-is-not-special 0 'H\(40\)e\(69\)ll\(275\)o\(79\).*a\(65\)\(221\)gadget\(399\)' \
  'stemma tokenizer inspect --tokenizer folder --text Hello --ids; stemma tokenizer inspect --tokenizer folder --text "a gadget" --ids'
check added-tokens-decoder-in-config 0 '400 363 401' \
  "$ids"'printf "<|user|>hi<|bot|>" > $OUT/t; stemma tokenizer encode --tokenizer folder --input $OUT/t --allow-special all --output $OUT/x.npy; npy $OUT/x.npy'
check bos-differs-from-eos 0 '"bos_token_id": 399.*"ids": \[277, 152, 305, 98, 98, 277, 188, 297\]' \
  'stemma train --model folder --data ../_common/text20k.txt --steps 1 --sequence-length 32 --run $OUT/r 2> /dev/null > /dev/null
   grep -h bos $OUT/r/checkpoints/*/*.json; stemma generate --model folder --prompt "" --temperature 0 --max-tokens 8 --json'
check compressed-text-in-eval-and-encode 0 '10890 .*perplexity 1562.03.*10890 .*perplexity 1562.03' \
  "for f in a.txt a.txt.gz; do stemma tokenizer count --tokenizer $tok \$f; stemma tokenizer encode --tokenizer $tok --input \$f --output \$OUT/x.npy; stemma eval perplexity --model $model --text \$f; done"
check dangling-symlink 0 'left out 1: books/gone.txt \(a link to /nowhere that does not exist\)' \
  "ln -sf /nowhere books/gone.txt; $pack books"
check decoder-sequence-of-one 0 'H\(40\)e\(69\)ll\(275\)o\(79\)' \
  'stemma tokenizer inspect --tokenizer folder --text Hello --ids'
check encode-stdin-stdout 0 '40 69 275 79 same same' \
  "$ids"'printf Hello | stemma tokenizer encode --tokenizer '$tok' --input - --output $OUT/x.npy 2> /dev/null; npy $OUT/x.npy
   printf Hello > $OUT/f; for o in - /dev/stdout; do stemma tokenizer encode --tokenizer '$tok' --input $OUT/f --output $o 2> /dev/null | cmp - $OUT/x.npy && echo same; done'
check eos-in-generation-config 0 '"ids": \[357, 15, 72, 134, 134, 270, 236, 15, 134, 297\], "finish_reason": "eot"' \
  'stemma generate --model folder --prompt Hello --temperature 0 --max-tokens 12 --json'
check extra-head-v-head 0 'left out .v_head.*same' "$same_logits"
check extra-special-tokens 0 'H\(40\)e\(69\)ll\(275\)o\(79\).*vocab_size: 401' \
  'stemma tokenizer inspect --tokenizer . --text Hello --ids; stemma info --tokenizer .'
check folder-with-binary-files 0 'left out 5: books/Thumbs.db.*book.epub.*cover.png.*draft.docx.*ids.npy' "$pack books"
check index-lists-tied-lm-head 0 'same' "$same_logits"
check json-gz-is-json-lines 0 'read 1 file, 20 documents' "$pack c4-train.00000-of-00001.json.gz"
for name in jsonl-cut-last-row jsonl-lone-surrogate jsonl-nan-in-other-field jsonl-null-text; do
  check $name 0 'left out 1 of 2[01] rows that cannot be read' "$pack a.jsonl > /dev/null 2>&1; [ \$? -eq 3 ] && $pack a.jsonl --bad-rows skip --bad-rows-limit 0.5"
done
check jsonl-in-eval 0 '\(51 tokens, 102 B\)' "stemma eval perplexity --model $model --text a.jsonl"
check lfs-pointer 3 'Git LFS pointer' 'stemma generate --model folder --prompt Hello --max-tokens 3'
check marks-trailing-space 0 'document-mark|300 documents' "$pack a.txt"
check optimizer-deleted 0 'same same' \
  "stemma train --run \$OUT/r --data ../_common/text20k.txt --tokenizer $tok --depth 1 --sequence-length 32 --batch 4 --steps 10 --save-every 5 > /dev/null 2>&1
   score() { stemma eval perplexity --model \$1 --text \$OUT/t.txt 2> /dev/null | cut -d' ' -f 2; }
   head -c 800 ../_common/text20k.txt > \$OUT/t.txt; newest=\$(score \$OUT/r/checkpoints/step-00000010)
   rm \$OUT/r/checkpoints/step-00000010/optimizer.safetensors; [ -n \"\$newest\" ] && [ \"\$(score \$OUT/r)\" = \"\$newest\" ] && echo same
   rm \$OUT/r/checkpoints/*/optimizer.safetensors; [ \"\$(score \$OUT/r)\" = \"\$newest\" ] && echo same"
check packed-with-another-tokenizer 3 'packed with another tokenizer' \
  'stemma train --model base/checkpoints/step-00000150 --data packedB --steps 2 --sequence-length 64 --eval-every 2 --run $OUT/tuned'
check pad-role-and-template-lost 0 '"pad_token": "\[PAD\]".*"padding_side": "left".*"model_max_length": 64.*"chat_template"' \
  'stemma tokenizer convert --tokenizer folder --output $OUT/c; cat $OUT/c/tokenizer_config.json'
check padded-vocabulary 0 'alh.*al.*h.*st my soh that w w w 30 tokens' \
  'stemma generate --model folder --prompt Hello --temperature 0 --max-tokens 30 --unused-ids'
check prompt-with-special-token 0 '"prompt_tokens": 5' \
  "stemma generate --model $model --prompt 'Hello<|endoftext|>' --allow-special all --max-tokens 1 --json"
check stop-example-in-help 0 '"text": "rss"' \
  'stemma generate --model ../packed-with-another-tokenizer/base/checkpoints/step-00000150 --prompt "the king" --temperature 0 --max-tokens 30 --stop "\n" --json'
check text-utf16 0 'converted to UTF-8: a.txt from UTF-16.*10891 tokens.*300 tokens' "$pack a.txt; stemma tokenizer train --input a.txt --vocab-size 300 --output \$OUT/tk"
check tilde-in-recipe 0 '/own/corpus.txt: no such file.*/own/tk ?$' \
  'stemma train r.toml --run $OUT/r; stemma tokenizer convert --tokenizer '$tok' --output=~/tk; ls -d "~" 2> /dev/null; ls -d ~/tk'
check truncation-left-in-tokenizer-json 0 'H\(40\)e\(69\)ll\(275\)o\(79\)' \
  'stemma tokenizer inspect --tokenizer folder --text Hello --ids'
echo "$ran cases"
exit $failed
