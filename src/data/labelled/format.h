// Which format a file of labelled text has.
//
//   Lines lines("train.csv.gz");
//   const Format format = decide_format("train.csv.gz", lines, options, Wanted::text);
//
// The name says it (.tsv, .csv, .jsonl, .ndjson, .conll, .bio, .bmes, without .gz and .zst), unless
// the content contradicts: a .csv whose lines all have the same number of tabs is TSV, a .tsv
// without tabs whose lines all have the same two commas is CSV, and where words are wanted, lines
// that all have the same columns, with blank lines between sentences, are CoNLL. Other names: JSON
// objects are jsonl, the same number of tabs in every line is tsv, a first line of usual names
// between commas is csv; the rest is one text a line. Private to data/labelled. Throws
// invalid_argument (what is needed cannot be there), unsupported (one JSON value).
#pragma once

#include <filesystem>
#include <string>

#include "data/labelled/delimited.h"
#include "data/labelled/rows.h"

namespace stemma::labelled {

struct Format {
  std::string name;  // tsv, csv, jsonl, conll, lines
  Delimiters delimiters = {};
  std::string said;  // empty: nothing but what the name says
};
Format decide_format(const std::filesystem::path& path, const Lines& lines,
                     const RowOptions& options, Wanted wanted);

}  // namespace stemma::labelled
