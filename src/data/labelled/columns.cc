#include "data/labelled/columns.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/suggest.h"
#include "data/labelled/lines.h"
#include "data/labelled/numbers.h"

namespace stemma::labelled {
namespace {

using Cells = std::vector<std::string>;

bool is_column_number(const std::string& name) { return whole_number(name).has_value(); }

bool names_columns(const RowOptions& options) {
  const auto is_name = [](const std::string& name) {
    return !name.empty() && !is_column_number(name);
  };
  return std::any_of(options.text_columns.begin(), options.text_columns.end(), is_name) ||
         std::any_of(options.choice_columns.begin(), options.choice_columns.end(), is_name) ||
         is_name(options.second_column) || is_name(options.label_column);
}

class Chooser {
 public:
  Chooser(const TableSample& sample, const RowOptions& options, Wanted wanted)
      : sample_(sample), options_(options), wanted_(wanted), first_(sample.records.front()) {}

  Columns choose() {
    columns_.count = first_.size();
    choose_header();
    for (std::size_t i = 0; i < first_.size(); ++i)
      columns_.names.push_back(columns_.header && !trimmed(first_[i]).empty()
                                   ? fmt::format("'{}'", trimmed(first_[i]))
                                   : fmt::format("{}", i + 1));
    choose_label_by_name();
    if (wanted_ == Wanted::choice) choose_choices();
    if (wanted_ == Wanted::pair)
      choose_pair();
    else
      choose_text();
    choose_last_label();
    check();
    return std::move(columns_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::invalid_argument, fmt::format("[rows] {}: {}", sample_.name, what));
  }
  void say(std::string sentence) { columns_.said.push_back(std::move(sentence)); }

  std::string present() const {
    constexpr std::size_t kShown = 30;
    Cells names = first_;
    if (names.size() > kShown) names.resize(kShown);
    for (std::string& name : names)
      if (name.size() > 40) name = name.substr(0, name.find(' ', 30)) + " ...";
    return fmt::format("{} columns: '{}'", first_.size(), fmt::join(names, "', '"));
  }

  void choose_header() {
    std::size_t label = first_.size() - 1;
    if (const auto number = whole_number(options_.label_column);
        number && *number >= 1 && *number <= std::ssize(first_))
      label = static_cast<std::size_t>(*number - 1);
    if (options_.header != "auto") {
      columns_.header = options_.header == "yes";
      if (!columns_.header && names_columns(options_))
        refuse("without a header (--header no) columns are numbers from 1, not names");
    } else if (names_columns(options_)) {
      columns_.header = true;
      say("its first row is a header, since columns are named");
    } else if (const HeaderDecision decision = decide_header(sample_.records, label);
               decision.header) {
      columns_.header = true;
      say(fmt::format("its first row is a header: {} (--header no: it is not)", decision.why));
    } else {
      say("it has no header (--header yes: it has)");
    }
  }

  std::size_t resolve(const std::string& name, std::string_view flag) const {
    if (columns_.header) {
      for (const bool exact : {true, false}) {
        const auto same = [&](const std::string& cell) {
          return exact ? trimmed(cell) == name : usual_form(cell) == usual_form(name);
        };
        const auto found = std::count_if(first_.begin(), first_.end(), same);
        if (found > 1)
          refuse(fmt::format("{} columns have the name '{}'; give the number of one to {}", found,
                             name, flag));
        if (found == 1)
          return static_cast<std::size_t>(std::find_if(first_.begin(), first_.end(), same) -
                                          first_.begin());
      }
    }
    if (const auto number = whole_number(name)) {
      if (*number < 1 || *number > std::ssize(first_))
        refuse(fmt::format("{} {} must be a number from 1 to {}, it has {}", flag, name,
                           first_.size(), present()));
      return static_cast<std::size_t>(*number - 1);
    }
    refuse(fmt::format("it has no column '{}' ({}), it has {}{}", name, flag, present(),
                       did_you_mean(name, first_)));
  }

  std::optional<std::size_t> find(const std::string& form) const {
    if (!columns_.header) return std::nullopt;
    for (std::size_t i = 0; i < first_.size(); ++i)
      if (usual_form(first_[i]) == form) return i;
    return std::nullopt;
  }

  std::vector<std::string_view> cells_of(std::size_t column) const {
    std::vector<std::string_view> cells;
    for (std::size_t row = columns_.header ? 1 : 0; row < sample_.records.size(); ++row)
      if (column < sample_.records[row].size()) cells.push_back(sample_.records[row][column]);
    return cells;
  }

  // Whole numbers that ascend from row to row.
  bool is_index(std::size_t column) const {
    const auto cells = cells_of(column);
    std::optional<std::int64_t> before;
    for (const std::string_view cell : cells) {
      const auto number = whole_number(cell);
      if (!number || (before && *number <= *before)) return false;
      before = number;
    }
    return cells.size() > 1;
  }

  bool is_text_like(std::size_t column) const {
    const auto cells = cells_of(column);
    const auto numbers = std::count_if(cells.begin(), cells.end(), is_number);
    return cells.empty() || 2 * numbers < std::ssize(cells);
  }

  bool is_taken(std::size_t column) const {
    return columns_.label == column || columns_.second == column ||
           std::find(columns_.texts.begin(), columns_.texts.end(), column) !=
               columns_.texts.end() ||
           std::find(columns_.choices.begin(), columns_.choices.end(), column) !=
               columns_.choices.end();
  }

  // The first column that may be a text.
  std::optional<std::size_t> next_text() {
    for (std::size_t i = 0; i < first_.size(); ++i) {
      if (is_taken(i)) continue;
      const bool index = is_index(i);
      if (!index && is_text_like(i)) return i;
      const std::string skipped =
          fmt::format("column {} is no text: {}", columns_.names[i],
                      index ? "an index, numbers that ascend by row" : "it holds numbers");
      if (std::find(columns_.said.begin(), columns_.said.end(), skipped) == columns_.said.end())
        say(skipped);
    }
    return std::nullopt;
  }

  // Whether a column of this name, or of this number, is there.
  bool is_there(const std::string& name) const {
    if (columns_.header && std::any_of(first_.begin(), first_.end(), [&](const std::string& cell) {
          return usual_form(cell) == usual_form(name);
        }))
      return true;
    const auto number = whole_number(name);
    return number && *number >= 1 && *number <= std::ssize(first_);
  }

  void choose_label_by_name() {
    if (!options_.label_column.empty()) {
      // Rows whose labels are to be predicted may lack the column that training had.
      if (!options_.needs_label && !is_there(options_.label_column)) return;
      columns_.label = resolve(options_.label_column, "--label-column");
      return;
    }
    for (const std::string& name : usual_label_names())
      if (const auto column = find(name)) {
        columns_.label = column;
        return say(fmt::format("the label is column {}", columns_.names[*column]));
      }
  }

  void choose_choices() {
    for (const std::string& name : options_.choice_columns)
      columns_.choices.push_back(resolve(name, "--choice-columns"));
    if (columns_.choices.empty() && columns_.header) {
      for (std::size_t i = 0; i < first_.size(); ++i) {
        const std::string form = usual_form(first_[i]);
        for (const std::string_view stem : {"choice", "option", "ending", "answer"})
          if (form.starts_with(stem) && form.size() == stem.size() + 1 && columns_.label != i)
            columns_.choices.push_back(i);
      }
      if (columns_.choices.size() > 1)
        say(fmt::format("{} choices, columns {} to {}", columns_.choices.size(),
                        columns_.names[columns_.choices.front()],
                        columns_.names[columns_.choices.back()]));
    }
    if (columns_.choices.size() < 2)
      refuse(
          fmt::format("two choices or more are wanted; name their columns with "
                      "--choice-columns; it has {}",
                      present()));
  }

  void choose_text() {
    for (const std::string& name : options_.text_columns)
      columns_.texts.push_back(resolve(name, "--text-column"));
    if (!columns_.texts.empty()) return;
    if (wanted_ == Wanted::choice) {
      for (const char* name : {"context", "question"})
        if (const auto column = find(name); column && !is_taken(*column))
          columns_.texts.push_back(*column);
    }
    for (const std::string& name : usual_text_names())
      if (const auto column = find(name); columns_.texts.empty() && column && !is_taken(*column))
        columns_.texts.push_back(*column);
    if (columns_.texts.empty())
      if (const auto column = next_text()) columns_.texts.push_back(*column);
    if (columns_.texts.empty())
      refuse(
          fmt::format("no column is left for the text; name one with --text-column, and the "
                      "label's with --label-column; it has {}",
                      present()));
    say(fmt::format("the text is column {}", columns_.names[columns_.texts.front()]));
  }

  void choose_pair() {
    for (const std::string& name : options_.text_columns)
      columns_.texts.push_back(resolve(name, "--text-column"));
    if (!options_.second_column.empty())
      columns_.second = resolve(options_.second_column, "--second-column");
    const bool chosen = !columns_.texts.empty() && columns_.second;
    for (const PairNames& pair : usual_pair_names()) {
      const auto first = find(pair.first), second = find(pair.second);
      if (!first || !second || !columns_.texts.empty() || columns_.second) continue;
      columns_.texts.push_back(*first);
      columns_.second = second;
    }
    if (columns_.texts.empty())
      if (const auto column = next_text()) columns_.texts.push_back(*column);
    if (!columns_.second) columns_.second = next_text();
    if (columns_.texts.empty() || !columns_.second)
      refuse(
          fmt::format("two texts are wanted; name them with --text-column and --second-column; "
                      "it has {}",
                      present()));
    if (!chosen)
      say(fmt::format("the texts are columns {} and {}", columns_.names[columns_.texts.front()],
                      columns_.names[*columns_.second]));
  }

  void choose_last_label() {
    const std::size_t last = first_.size() - 1;
    if (columns_.label || (!options_.needs_label && columns_.header)) return;
    if (is_taken(last)) {
      if (!options_.needs_label) return;
      refuse(
          fmt::format("no column is left for the label: the last one, {}, is a text; name the "
                      "label's with --label-column; it has {}",
                      columns_.names[last], present()));
    }
    columns_.label = last;
    say(fmt::format("the label is the last column, {}", columns_.names[last]));
  }

  void check() const {
    std::vector<std::size_t> used = columns_.texts;
    used.insert(used.end(), columns_.choices.begin(), columns_.choices.end());
    if (columns_.second) used.push_back(*columns_.second);
    if (columns_.label) used.push_back(*columns_.label);
    std::sort(used.begin(), used.end());
    if (const auto twice = std::adjacent_find(used.begin(), used.end()); twice != used.end())
      refuse(
          fmt::format("column {} is wanted twice; texts, choices and label must be different "
                      "columns; it has {}",
                      columns_.names[*twice], present()));
    if (wanted_ == Wanted::words && columns_.texts.size() > 1)
      refuse("words come from one column; name one with --text-column");
  }

  const TableSample& sample_;
  const RowOptions& options_;
  const Wanted wanted_;
  const Cells& first_;
  Columns columns_;
};

}  // namespace

Columns choose_columns(const TableSample& sample, const RowOptions& options, Wanted wanted) {
  return Chooser(sample, options, wanted).choose();
}

}  // namespace stemma::labelled
