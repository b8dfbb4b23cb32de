#!/usr/bin/env bash
# Makes the files of the fine-tuning tasks from the shared data, as data/tasks/NAME/{train,test}.*,
# in the splits that docs/results.md uses.
#
#   scripts/task-data.sh             every set of the table below
#   scripts/task-data.sh NAME...     these only
#
# NAME                  train                              test             columns
# sst2                  train (67,349)                     test_labeled     text, label
# sst2-20000, -10000    the first rows of train by hash    test_labeled     text, label
# ag_news               dev (train is not there)           test             text, label
# financial_phrasebank  rows with row mod 5 > 0            row mod 5 = 0    text, label
# trec                  train of qc.zip, 6 coarse classes  test             text, label
# banking77             train                              test             text, category
# conll2003             eng.train                          eng.testa        word, POS, chunk, entity
# rte                   train + val                        dev              sentence1, sentence2, label
# scitail               dev (train is not there)           test             sentence1, sentence2, label
# mrpc                  train + val                        test             text, second, label
# stsb                  train                              dev              sentence1, sentence2, similarity
# qqp                   rows with row mod 5 > 0            row mod 5 = 0    sentence1, sentence2, label
# cola                  train + val                        dev              text, label
# storycloze            val of 2016                        test of 2016     the source's own
# chnsenticorp          train                              dev              text, label
#
# Rows are counted from 0 over the data rows in the order of the source's file. "By hash": rows of
# train in ascending order of a hash of the row's bytes as written here (h = 5381; for each byte
# h = (65599 h + byte) mod (2^31 - 1); at the end twice h = 48271 h mod (2^31 - 1)), equal ones in
# the order of the file; the 10,000 rows are the first half of the 20,000.
#
# A .tsv has a header and one row a line. A field that begins with a quotation mark is quoted as in
# CSV; all others stand as they are. Spaces at both ends of a field are taken away, and so are the
# two rows of qqp that lack a text or a label. banking77 and storycloze stay the CSV files that they
# are, conll2003 stays columns.
#
# Files that are there stay. All are checked against scripts/task-data.sha256; exit code 1 where one
# differs, 2 for an unknown NAME, 3 where the shared data or xz-utils or unzip is missing.
# STEMMA_SHARED names the shared folder (default: ../shared beside the repository).
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sets=(sst2 sst2-20000 sst2-10000 ag_news financial_phrasebank trec banking77 conll2003 rte scitail
  mrpc stsb qqp cola storycloze chnsenticorp)
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "scripts/$(basename "${BASH_SOURCE[0]}")"
  exit 0
fi
chosen=("$@")
if [ $# -eq 0 ]; then chosen=("${sets[@]}"); fi
for name in "${chosen[@]}"; do
  [[ " ${sets[*]} " == *" $name "* ]] || {
    echo "error: no set is called '$name'; there are: ${sets[*]}" >&2
    exit 2
  }
done

shared=${STEMMA_SHARED:-../shared}/data
missing() {
  printf 'error: %s\n' "$1" >&2
  exit 3
}
[ -d "$shared" ] || missing "there is no folder $shared: let STEMMA_SHARED name the folder that holds data/, as
  STEMMA_SHARED=/path/to/shared scripts/task-data.sh"
command -v xz > /dev/null || missing "xz is missing: sudo apt-get install xz-utils"
command -v unzip > /dev/null || missing "unzip is missing: sudo apt-get install unzip"

# source_file PATH...: the contents, unpacked where only PATH.xz is there.
source_file() {
  local path
  for path in "$@"; do
    if [ -f "$shared/$path" ]; then
      cat "$shared/$path"
    elif [ -f "$shared/$path.xz" ]; then
      xz -dc "$shared/$path.xz"
    else
      missing "$shared has no $path or $path.xz: the shared data is another version or was cut short"
    fi
  done
}

# table NAMES PICK [VARIABLE=VALUE...]: standard input as a TSV with the header NAMES and the columns
# PICK of the input, both with commas between. delimiter: tab where not said; quotes=1: the input
# quotes as CSV does; skip: lines before the first data row; test=1: rows with row mod 5 = 0,
# test=0: the others.
table() {
  local names=$1 pick=$2
  shift 2
  awk -v names="$names" -v pick="$pick" -v delimiter='\t' -v quotes=0 -v skip=0 -v test=-1 \
    "${@/#/-v}" '
    # Takes the field at the start of rest away and returns it.
    function next_field(    value, end) {
      if (!quotes || substr(rest, 1, 1) != "\"") {
        end = index(rest delimiter, delimiter)
        value = substr(rest, 1, end - 1)
        rest = substr(rest, end + 1)
        return value
      }
      value = ""
      rest = substr(rest, 2)
      while ((end = index(rest, "\"")) > 0 && substr(rest, end + 1, 1) == "\"") {
        value = value substr(rest, 1, end)
        rest = substr(rest, end + 2)
      }
      if (end == 0 || (end < length(rest) && substr(rest, end + 1, 1) != delimiter)) {
        printf "error: line %d: a quoted field does not end\n", NR > "/dev/stderr"
        exit failed = 1
      }
      value = value substr(rest, 1, end - 1)
      rest = substr(rest, end + 2)
      return value
    }
    BEGIN {
      columns = split(pick, column, ",")
      gsub(",", "\t", names)
      print names
    }
    NR <= skip { next }
    {
      sub(/\r$/, "")
      rest = $0
      for (fields = 0; rest != ""; ) field[++fields] = next_field()
      chosen = test < 0 || (row++ % 5 == 0) == test
      line = ""
      for (i = 1; i <= columns; ++i) {
        value = column[i] <= fields ? field[column[i]] : ""
        gsub(/^ +| +$/, "", value)
        if (value == "") chosen = 0
        if (substr(value, 1, 1) == "\"") { gsub("\"", "\"\"", value); value = "\"" value "\"" }
        line = line (i > 1 ? "\t" : "") value
      }
      if (chosen) print line
    }
    END { exit failed }'
}

# by_hash ROWS: the header and the first ROWS rows in the order that the head of this file says.
by_hash() {
  awk '
    BEGIN { for (i = 1; i < 256; ++i) byte[sprintf("%c", i)] = i; prime = 2147483647 }
    {
      hash = 5381
      for (i = 1; i <= length($0); ++i) hash = (hash * 65599 + byte[substr($0, i, 1)]) % prime
      for (i = 0; i < 2; ++i) hash = (hash * 48271) % prime
      printf "%d\t%d\t%s\n", NR == 1 ? -1 : hash, NR, $0
    }' | sort -k1,1n -k2,2n | cut -f 3- | awk -v rows="$1" 'NR <= rows + 1'
}

# trec_questions PART: "text TAB coarse label" of train or test in qc.zip. The file is ASCII but for
# one byte F0 in "sister\xF0city" (no UTF-8; in Latin-1 a letter that makes no sense there), which
# becomes a space as in Hugging Face's reader.
trec_questions() {
  [ -f "$shared/trec_qc/qc.zip" ] || missing "$shared has no trec_qc/qc.zip"
  unzip -p "$shared/trec_qc/qc.zip" "qc/$1.txt" | tr '\360' ' ' |
    awk '{ label = $1; sub(/:.*/, "", label); print substr($0, length($1) + 2) "\t" label }'
}

# content NAME PART: the file for train or test of a set.
content() {
  local part=$2 test=0
  if [ "$part" = test ]; then test=1; fi
  case $1-$part in
    sst2-train) source_file sst2/train.tsv | table text,label 1,2 skip=1 ;;
    sst2-*0000-train) content sst2 train | by_hash "${1#sst2-}" ;;
    sst2*-test) source_file sst2/test_labeled.tsv | table text,label 1,2 skip=1 ;;
    ag_news-train) source_file ag_news/dev.tsv | table text,label 1,2 quotes=1 ;;
    ag_news-test) source_file ag_news/test.tsv | table text,label 1,2 quotes=1 ;;
    financial_phrasebank-*)
      source_file financial_phrasebank/all-data.csv |
        table text,label 2,1 delimiter=, quotes=1 skip=1 test=$test
      ;;
    trec-*) trec_questions "$part" | table text,label 1,2 ;;
    banking77-*) source_file "banking77/$part.csv" ;;
    conll2003-train) source_file conll2003/eng.train ;;
    conll2003-test) source_file conll2003/eng.testa ;;
    rte-train) source_file rte/train.tsv rte/val.tsv | table sentence1,sentence2,label 2,3,4 skip=1 ;;
    rte-test) source_file rte/dev.tsv | table sentence1,sentence2,label 2,3,4 skip=1 ;;
    # 0 is "entails": 842 of the 2,126 rows of test, as published.
    scitail-*)
      if [ "$part" = train ]; then part=dev; fi
      source_file "scitail/$part.txt" | sed 's/0$/entails/; s/1$/neutral/' |
        table sentence1,sentence2,label 1,2,3
      ;;
    mrpc-train)
      { source_file mrpc/msr-para-train.tsv && source_file mrpc/msr-para-val.tsv | tail -n +2; } |
        table text,second,label 4,5,1 skip=1
      ;;
    mrpc-test) source_file mrpc/msr-para-test.tsv | table text,second,label 4,5,1 skip=1 ;;
    stsb-train) source_file stsb/sts-train.csv | table sentence1,sentence2,similarity 3,4,5 quotes=1 skip=1 ;;
    stsb-test) source_file stsb/sts-dev.csv | table sentence1,sentence2,similarity 3,4,5 quotes=1 skip=1 ;;
    qqp-*)
      source_file qqp/quora-dev.csv | sed 's/\.0$//' |
        table sentence1,sentence2,label 3,4,5 quotes=1 skip=1 test=$test
      ;;
    cola-train) source_file cola/train.tsv cola/val.tsv | table text,label 4,2 ;;
    cola-test) source_file cola/dev.tsv | table text,label 4,2 ;;
    storycloze-train) source_file storycloze/cloze_test_val_spring2016.csv ;;
    storycloze-test) source_file storycloze/cloze_test_test_spring2016.csv ;;
    chnsenticorp-train) source_file chnsenticorp/train.tsv | table text,label 1,2 ;;
    chnsenticorp-test) source_file chnsenticorp/dev.tsv | table text,label 1,2 ;;
  esac
}

# rows FILE: its size in words. A row of CSV ends where a line ends outside quotes.
rows() {
  case $1 in
    *.tsv) awk 'END { printf "%d rows", NR - 1 }' "$1" ;;
    *.csv) awk '{ marks += gsub(/"/, "") } marks % 2 == 0 { ++rows } END { printf "%d rows", rows - 1 }' "$1" ;;
    *.conll) awk '/^$/ { inside = 0 } /^[^ ]/ && $1 != "-DOCSTART-" { sentences += !inside; inside = 1 }
      END { printf "%d sentences", sentences }' "$1" ;;
  esac
}

wrong=0
trap 'rm -f data/tasks/*/*.part' EXIT
for name in "${chosen[@]}"; do
  extension=tsv
  case $name in
    banking77 | storycloze) extension=csv ;;
    conll2003) extension=conll ;;
  esac
  mkdir -p "data/tasks/$name"
  for part in train test; do
    file=data/tasks/$name/$part.$extension note=made
    if [ -f "$file" ]; then
      note="there already"
    else
      content "$name" "$part" > "$file.part"
      mv "$file.part" "$file"
    fi
    if ! grep "  $file\$" scripts/task-data.sha256 | sha256sum --check --status; then
      note="$note, BUT ITS CHECKSUM DIFFERS from scripts/task-data.sha256" wrong=1
    fi
    printf '%-44s %-17s %s\n' "$file" "$(rows "$file")" "$note"
  done
done
if [ $wrong -ne 0 ]; then
  fail "a file is not the one that the results were made with: remove it and run this again; if it
differs still, the shared data does"
fi
