// The rows of labelled text that a model is fine-tuned on, or that it labels: texts, pairs, words
// and multiple choice, from tables (TSV, CSV), JSON lines, CoNLL columns and plain lines.
//
//   RowReader reader("train.tsv", {.label_column = "category"}, Wanted::text);
//   for (Row row; reader.next(row);) use(row.text, row.labels);
//   log_rows("train.tsv", reader.notes());
//
// Which format a file has, whether its first row is a header and which columns are read is decided
// from its name, its first 64 KiB and the options (format.h, columns.h), and said in the notes. A
// pipe or standard input (-) is read as its lines come: there the first line decides alone. gzip,
// zstd and UTF-16 are read everywhere; a pipe of these is taken into memory first.
//
//   tsv     cells between tabs; a cell that a CSV writer quoted is unquoted (delimited.h)
//   csv     RFC 4180, cells between commas or semicolons
//   jsonl   one object a line (json_rows.cc says which fields)
//   conll   a word a line with its tags, blank lines between sentences; the first and the last
//           column are read, -DOCSTART- lines and comments (#) passed over
//   lines   one text a line
//
// Blank lines are no rows (they are counted). Texts are kept as they lie, labels lose white space
// at their ends, several text columns are joined by one blank. A row that is ragged, damaged (not
// UTF-8), or has no text is an error that names file and line, or is counted and left out
// (bad_rows). An empty label cell gives no labels.
//
// Memory: one row and a few hundred kB. One thread at a time. Throws corrupt (rows as above, more
// of them than bad_rows_limit, no rows at all, a quoted field without an end), invalid_argument
// (options that do not fit each other or the file), unsupported (no text, a row above 64 MiB), and
// what byte_source.h and pipe.h throw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/options.h"

namespace stemma::labelled {

// Bytes [begin, end) of a text.
struct ByteRange {
  std::int64_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

// One example, as every task reads it. What a task does not want stays empty.
struct Row {
  std::string text, second;          // second: of pairs
  std::vector<std::string> choices;  // of multiple choice
  std::vector<std::string> labels;   // none: an unlabelled row; several: multi-label
  std::vector<ByteRange> words;      // of text, ascending
  std::vector<std::string> tags;     // one a word; none: an unlabelled row
  std::string id;                    // JSON rows may have one, a string or a number
  std::string adapter;               // JSON rows may name one
  std::uint64_t line = 0;            // where it begins, counted from 1
};

enum class Wanted : std::uint8_t { text, pair, words, choice };

struct RowOptions {
  std::string format = "auto";  // auto, tsv, csv, jsonl, conll, lines
  // Columns are names (of the header; of JSON fields), or numbers from 1.
  std::vector<std::string> text_columns = {};
  std::string second_column = {}, label_column = {};
  std::vector<std::string> choice_columns = {};
  // Multi-label: what stands between the labels of a cell. A JSON list of strings needs none.
  std::string label_separator = {};
  std::string header = "auto";    // auto, yes, no
  std::string bad_rows = "stop";  // or skip
  double bad_rows_limit = 0.01;   // as a share of all rows, where they are skipped
  bool needs_label = true;        // no: where labels are predicted, a file without them is fine
};
// The options as every command has them; needs_label is none.
void declare(RowOptions& rows, OptionSet& options);

// How a file is read, and what was noticed.
struct RowNotes {
  std::string format;  // tsv, csv, jsonl, conll, lines
  bool header = false;
  std::vector<std::string> said;  // each a sentence: what was decided and why
  std::int64_t rows = 0, unlabelled = 0, blank_lines = 0;
  std::int64_t document_starts = 0, comments = 0;  // of CoNLL columns
  std::uint64_t replaced = 0;                      // halves of UTF-16 that became U+FFFD
  std::int64_t bad_rows = 0;
  std::vector<std::string> first_bad_rows;  // at most ten
};

class RowSource;

class RowReader {
 public:
  // Reads as far as it needs to decide how the file is read.
  RowReader(const std::filesystem::path& path, RowOptions options, Wanted wanted);
  ~RowReader();
  RowReader(RowReader&&) noexcept;

  // Replaces `row` by the next one; false at the end.
  bool next(Row& row);
  const RowNotes& notes() const;

 private:
  void check_bad_rows() const;

  std::string name_;
  RowOptions options_;
  std::unique_ptr<RowSource> source_;
};

// All rows of a file.
std::vector<Row> read_rows(const std::filesystem::path& path, const RowOptions& options,
                           Wanted wanted, RowNotes* notes = nullptr);

// Says what the notes hold, on standard error.
void log_rows(const std::filesystem::path& path, const RowNotes& notes);

}  // namespace stemma::labelled
