// Which choice is the right one, from labels as people write them.
//
//   const ChoiceLabels labels = choice_labels(rows);
//   labels.indices[0];      // 1, for "2" where the data set counts from 1
//   log_info(labels.says);  // "labels count from 1"
//
// A data set writes all of its labels in one way, and all of them decide which: the first of these
// that fits every labelled row. Numbers from 0 (one is 0), numbers from 1, letters from A, the text
// of the choice. A data set that may be a part of another (a test set) is given the way of that
// one. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/labelled/rows.h"

namespace stemma::labelled {

enum class ChoiceWriting : std::uint8_t { from_0, from_1, letters, texts };

struct ChoiceLabels {
  ChoiceWriting writing = ChoiceWriting::from_0;
  std::vector<std::int64_t> indices;  // one a row, from 0; -1: without a label
  std::string says;
};

// Throws corrupt, naming the row's line, where no way fits, a row has two labels, or `known` does
// not fit.
ChoiceLabels choice_labels(std::span<const Row> rows,
                           std::optional<ChoiceWriting> known = std::nullopt);

}  // namespace stemma::labelled
