// The header rules, and the usual names that they know.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "data/labelled/columns.h"
#include "data/labelled/lines.h"
#include "data/labelled/numbers.h"

namespace stemma::labelled {
namespace {

using SampleRecords = std::vector<std::vector<std::string>>;

constexpr std::size_t kLongestName = 40, kMostNameWords = 3;

std::size_t count_words(std::string_view cell) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : cell) {
    words += c != ' ' && !inside;
    inside = c != ' ';
  }
  return words;
}

// Names of columns that no task reads, and that tell a header.
const std::set<std::string>& other_names() {
  static const std::set<std::string> kNames = {
      "id",   "index", "idx",  "guid", "qid",  "pairid", "title",   "split",
      "date", "user",  "uuid", "url",  "lang", "source", "context", "answer"};
  return kNames;
}

bool is_usual_name(const std::string& name) {
  const auto is_in = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (is_in(usual_text_names()) || is_in(usual_label_names()) || other_names().contains(name))
    return true;
  return std::any_of(
      usual_pair_names().begin(), usual_pair_names().end(),
      [&](const PairNames& pair) { return pair.first == name || pair.second == name; });
}

bool could_be_names(const SampleRecords& records) {
  const auto& first = records.front();
  bool any = false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::string_view cell = trimmed(first[i]);
    if (cell.empty()) {
      if (i > 0) return false;  // only the index that pandas writes has no name
      continue;
    }
    any = true;
    if (cell.size() > kLongestName || count_words(cell) > kMostNameWords || is_number(cell))
      return false;
    for (std::size_t row = 1; row < records.size(); ++row)
      if (i < records[row].size() && trimmed(records[row][i]) == cell) return false;
  }
  return any;
}

std::optional<std::size_t> column_of_numbers(const SampleRecords& records) {
  if (records.size() < 3) return std::nullopt;
  for (std::size_t i = 0; i < records.front().size(); ++i)
    if (!trimmed(records.front()[i]).empty() &&
        std::all_of(records.begin() + 1, records.end(),
                    [&](const auto& row) { return i < row.size() && is_number(row[i]); }))
      return i;
  return std::nullopt;
}

// Rule 3: labels that come again, beside texts.
bool labels_recur(const SampleRecords& records, std::size_t label) {
  if (records.size() < 11) return false;
  std::map<std::string_view, std::size_t> counts;
  std::size_t words = 0, most_words = 0;
  for (std::size_t column = 0; column < records.front().size(); ++column) {
    words = 0;
    for (std::size_t row = 1; row < records.size(); ++row)
      words += column < records[row].size() ? count_words(records[row][column]) : 0;
    most_words = std::max(most_words, words);
  }
  for (std::size_t row = 1; row < records.size(); ++row) {
    if (label >= records[row].size()) return false;
    ++counts[trimmed(records[row][label])];
  }
  return most_words >= 4 * (records.size() - 1) &&
         std::all_of(counts.begin(), counts.end(), [](const auto& one) { return one.second > 1; });
}

}  // namespace

std::string usual_form(std::string_view name) {
  std::string form;
  for (const char c : trimmed(name))
    if (c >= 'A' && c <= 'Z')
      form += static_cast<char>(c - 'A' + 'a');
    else if (c != ' ' && c != '_' && c != '-')
      form += c;
  return form;
}

const std::vector<std::string>& usual_text_names() {
  static const std::vector<std::string> kNames = {
      "text",        "sentence", "texts",     "sentences",    "review",   "tweet",   "comment",
      "commenttext", "content",  "utterance", "newsheadline", "headline", "message", "document",
      "body",        "query",    "question",  "sentence1",    "texta",    "premise"};
  return kNames;
}

const std::vector<std::string>& usual_label_names() {
  static const std::vector<std::string> kNames = {
      "label", "category", "labels",  "class",      "target",      "sentiment",        "intent",
      "tags",  "tag",      "nertags", "similarity", "isduplicate", "goldlabel",        "quality",
      "score", "rating",   "stars",   "answer",     "gold",        "answerrightending"};
  return kNames;
}

const std::vector<PairNames>& usual_pair_names() {
  static const std::vector<PairNames> kNames = {
      {"sentence1", "sentence2"}, {"premise", "hypothesis"},
      {"question1", "question2"}, {"text1", "text2"},
      {"texta", "textb"},         {"sentencea", "sentenceb"},
      {"#1string", "#2string"},   {"s1", "s2"},
      {"question", "sentence"},   {"query", "passage"},
      {"query", "document"},      {"text", "second"}};
  return kNames;
}

HeaderDecision decide_header(const SampleRecords& records, std::size_t label) {
  if (records.empty() || !could_be_names(records)) return {};
  for (const std::string& cell : records.front())
    if (is_usual_name(usual_form(cell)))
      return {true, fmt::format("it has the name '{}'", trimmed(cell))};
  if (const auto column = column_of_numbers(records))
    return {true,
            fmt::format("below '{}' there are only numbers", trimmed(records.front()[*column]))};
  if (label < records.front().size() && labels_recur(records, label))
    return {true, fmt::format("'{}' is no label of another row, and all others come again",
                              trimmed(records.front()[label]))};
  return {};
}

}  // namespace stemma::labelled
