#include "data/labelled/choice_labels.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "data/labelled/numbers.h"

namespace stemma::labelled {
namespace {

constexpr std::int64_t kNone = -1;

std::string_view name_of(ChoiceWriting writing) {
  switch (writing) {
    case ChoiceWriting::from_0:
      return "numbers from 0";
    case ChoiceWriting::from_1:
      return "numbers from 1";
    case ChoiceWriting::letters:
      return "letters from A";
    case ChoiceWriting::texts:
      return "texts of the choices";
  }
  return "unknown";
}

std::int64_t index_of_letter(std::string_view label) {
  if (label.size() != 1) return kNone;
  const char letter = label[0];
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  return letter >= 'a' && letter <= 'z' ? letter - 'a' : kNone;
}

// The only choice with this text.
std::int64_t index_of_text(std::string_view label, const std::vector<std::string>& choices) {
  std::int64_t found = kNone;
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (trimmed(choices[i]) == label) {
      if (found != kNone) return kNone;
      found = static_cast<std::int64_t>(i);
    }
  return found;
}

// kNone where the label is not written so.
std::int64_t index_of(const Row& row, ChoiceWriting writing) {
  const std::string& label = row.labels.front();
  std::int64_t index = kNone;
  if (writing == ChoiceWriting::from_0)
    index = whole_number(label).value_or(kNone);
  else if (writing == ChoiceWriting::from_1)
    index = std::max(whole_number(label).value_or(0), std::int64_t{0}) - 1;
  else if (writing == ChoiceWriting::letters)
    index = index_of_letter(label);
  else
    index = index_of_text(label, row.choices);
  return index >= 0 && index < std::ssize(row.choices) ? index : kNone;
}

// The first labelled row that is not written so.
const Row* misfit(std::span<const Row> rows, ChoiceWriting writing) {
  for (const Row& row : rows)
    if (!row.labels.empty() && index_of(row, writing) == kNone) return &row;
  return nullptr;
}

bool fits(std::span<const Row> rows, ChoiceWriting writing) {
  if (misfit(rows, writing) != nullptr) return false;
  return writing != ChoiceWriting::from_0 ||
         std::any_of(rows.begin(), rows.end(), [](const Row& row) {
           return !row.labels.empty() && whole_number(row.labels.front()) == 0;
         });
}

// The way that most of the rows are written in, for the message.
ChoiceWriting nearest_writing(std::span<const Row> rows, std::span<const ChoiceWriting> all) {
  ChoiceWriting nearest = all.front();
  std::ptrdiff_t most = -1;
  for (const ChoiceWriting writing : all) {
    const auto count = std::count_if(rows.begin(), rows.end(), [&](const Row& row) {
      return !row.labels.empty() && index_of(row, writing) != kNone;
    });
    if (count > most) {
      most = count;
      nearest = writing;
    }
  }
  return nearest;
}

[[noreturn]] void refuse(const Row& row, std::string_view wanted) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[rows] line {}: the label of a choice must be {}; '{}' does not fit its "
                          "{} choices, as the other rows are written",
                          row.line, wanted, row.labels.front(), row.choices.size()));
}

}  // namespace

ChoiceLabels choice_labels(std::span<const Row> rows, std::optional<ChoiceWriting> known) {
  constexpr std::array kAll = {ChoiceWriting::from_0, ChoiceWriting::from_1, ChoiceWriting::letters,
                               ChoiceWriting::texts};
  const Row* first = nullptr;
  for (const Row& row : rows) {
    if (row.labels.size() > 1)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[rows] line {}: a choice must have one label, it has {}", row.line,
                              row.labels.size()));
    if (!first && !row.labels.empty()) first = &row;
  }
  ChoiceLabels found;
  found.indices.assign(rows.size(), kNone);
  if (first == nullptr) {
    found.says = "no row has a label";
    return found;
  }
  const auto one = std::find_if(kAll.begin(), kAll.end(), [&](ChoiceWriting writing) {
    return known ? writing == *known && misfit(rows, writing) == nullptr : fits(rows, writing);
  });
  if (one == kAll.end()) {
    if (known) refuse(*misfit(rows, *known), name_of(*known));
    const Row* odd = misfit(rows, nearest_writing(rows, kAll));
    refuse(odd != nullptr ? *odd : *first,
           "a number from 0 or from 1, a letter from A, or the text of one choice");
  }
  found.writing = *one;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!rows[i].labels.empty()) found.indices[i] = index_of(rows[i], *one);
  found.says = fmt::format("labels are {}", name_of(*one));
  return found;
}

}  // namespace stemma::labelled
