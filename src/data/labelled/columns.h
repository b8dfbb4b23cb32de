// Which columns of a table hold texts and labels, and whether its first row names them.
//
//   const TableSample sample{"train.csv", records, /*streamed=*/false};
//   const Columns columns = choose_columns(sample, options, Wanted::pair);
//
// Header (options.header "auto"): a column that the options name is in the first row; or all cells
// of the first row look like names (at most three words and 40 characters, no number, and none that
// comes again in its column of the sample), and
//   1. one of them is a usual name (text, sentence1, label, category ...), or
//   2. a column is numbers in all other rows, of which there are at least two, or
//   3. there are ten other rows or more, the labels of all of them come more than once, and the
//      texts have four words or more in the mean.
//
// Columns that the options do not name: by the usual names. Otherwise the text is the first column
// that is not an index (numbers that ascend by row), not the label, and not only numbers; of pairs
// the first two such; the label is the last column. Where no label is needed, that is not guessed
// from a header without a usual name.
//
// Private to data/labelled. Pure functions. Throws invalid_argument.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/labelled/rows.h"

namespace stemma::labelled {

struct TableSample {
  std::string name;                               // of the file, for messages
  std::vector<std::vector<std::string>> records;  // from the first one on
};

struct HeaderDecision {
  bool header = false;
  std::string why;
};
// label: the column where rule 3 looks for labels.
HeaderDecision decide_header(const std::vector<std::vector<std::string>>& records,
                             std::size_t label);

struct Columns {
  bool header = false;
  std::size_t count = 0;           // of every row
  std::vector<std::string> names;  // of the columns for messages: "'review'", "2"
  std::vector<std::size_t> texts, choices;
  std::optional<std::size_t> second, label;
  std::vector<std::string> said;
};
Columns choose_columns(const TableSample& sample, const RowOptions& options, Wanted wanted);

// A name in lower case, without blanks, '_' and '-': "Sentence_A" is "sentencea".
std::string usual_form(std::string_view name);
// Usual names in this form, the first ones first.
const std::vector<std::string>& usual_text_names();
const std::vector<std::string>& usual_label_names();
struct PairNames {
  std::string first, second;
};
const std::vector<PairNames>& usual_pair_names();

}  // namespace stemma::labelled
