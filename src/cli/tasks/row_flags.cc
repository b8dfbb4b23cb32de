#include "cli/tasks/row_flags.h"

namespace stemma::cli {

labelled::RowOptions columns_for(const labelled::RowOptions& given,
                                 const labelled::RowOptions& trained, bool needs_label) {
  const labelled::RowOptions usual;
  labelled::RowOptions rows = given;
  rows.needs_label = needs_label;
  const auto fill = [&](auto labelled::RowOptions::* field) {
    if (given.*field == usual.*field) rows.*field = trained.*field;
  };
  fill(&labelled::RowOptions::text_columns);
  fill(&labelled::RowOptions::second_column);
  fill(&labelled::RowOptions::label_column);
  fill(&labelled::RowOptions::choice_columns);
  fill(&labelled::RowOptions::label_separator);
  return rows;
}

}  // namespace stemma::cli
