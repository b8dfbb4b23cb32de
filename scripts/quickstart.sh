#!/usr/bin/env bash
# From a fresh clone to a model that writes: installs Debian packages, builds Stemma, trains a
# tokenizer and a small GPT on the King James Bible for two to three minutes, and lets it write.
#
#   scripts/quickstart.sh
#
# Everything it makes lies in build/ and runs/quickstart/. Run again, it goes on where it was; remove
# runs/quickstart to begin anew.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install.sh

say "building (two to four minutes on two cores the first time)"
build release stemma
stemma=build/release/src/cli/stemma
run=runs/quickstart
mkdir -p "$run"

say "the text: the King James Bible, from the Debian package bible-kjv"
text=$run/bible.txt
if [ ! -s "$text" ]; then
  # "Ge1:1 In the beginning ...": takes the reference away and puts a blank line between chapters.
  bible -f gen1:1-rev22:21 < /dev/null | awk '
    { split($1, place, ":"); if (NR > 1 && place[1] != chapter) print ""; chapter = place[1] }
    { sub(/^[^ ]+ /, ""); print }' > "$text.part"
  mv "$text.part" "$text"
fi
wc "$text" | awk '{ printf "%d lines, %d words, %d bytes in %s\n", $1, $2, $3, $4 }'

# $ COMMAND...: shows a command of Stemma and runs it.
show() {
  local word line=
  for word in "$@"; do
    case $word in *' '*) word="\"$word\"" ;; esac
    line+=" $word"
  done
  printf '\n$%s\n' "$line"
  "$@"
}

say "a tokenizer of 2,048 byte pairs, learned from it"
if [ ! -s "$run/tokenizer/tokenizer.json" ]; then
  show "$stemma" tokenizer train --input "$text" --vocab-size 2048 --output "$run/tokenizer"
fi

say "training a GPT of 1.8 million parameters (recipes/quickstart.toml): watch the loss fall"
show "$stemma" train recipes/quickstart.toml --run "$run" --resume auto

say "validation loss (nats per token) over the run; the whole curve is $run/loss.svg"
awk -F'[,:]' '/"val_loss"/ {
  for (i = 1; i < NF; ++i) {
    if ($i ~ /"step"/) step = $(i + 1)
    if ($i ~ /"val_loss"/) loss = $(i + 1)
  }
  sub(/}.*/, "", loss)
  printf "  step %5d  %.3f  ", step, loss
  for (i = 0; i < loss * 8; ++i) printf "#"
  print ""
}' "$run/metrics.jsonl"

say "what the model writes"
for prompt in "And it came to pass" "Blessed are the" "The LORD said unto Moses"; do
  show "$stemma" generate --model "$run" --prompt "$prompt" --max-tokens 60 --temperature 0.7 --top-k 50 --seed 1
done

say "what to try next"
cat <<END
  $stemma generate --model $run --prompt "In the beginning" --max-tokens 100 --temperature 0.8
  $stemma train --run runs/longer --data $text --tokenizer $run/tokenizer --depth 4 --steps 2000
  $stemma eval perplexity --model $run --text README.md
  $stemma doctor          what this machine can do, and which kernels run
  $stemma --help          all commands; each has its own --help with examples
  docs/tour.md            how it works, from the command to the matrix product
END
