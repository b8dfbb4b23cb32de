// Rows of JSON lines, one object a line:
//
//   {"text": "...", "label": "positive"}                a label may be a number, true, false, or a
//                                                       list of these (several labels)
//   {"sentence1": "...", "sentence2": "...", "label": ...}       and the other usual pairs
//   {"context" and/or "question" or "text": "...", "choices": ["...", ...], "answer": ...}
//   {"text": "...", "spans": [{"begin": 0, "end": 3, "label": "PER"}]}     start, type: as well
//   {"words" or "tokens": ["..."], "tags" or "labels": ["B-PER", ...]}
//
// with "id" and "adapter" in each. Options name other fields. Numbers are written as shortly as
// they read back the same ("2.50" is 2.5).
#include <algorithm>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "data/labelled/columns.h"
#include "data/labelled/row_source.h"
#include "data/labelled/words.h"

namespace stemma::labelled {
namespace {

class JsonRows final : public RowSource {
 public:
  explicit JsonRows(Opened opened) : RowSource(std::move(opened)) {}

  bool next(Row& row) override {
    for (;;) {
      line_.clear();
      if (!opened_.lines.next(line_)) return false;
      if (is_blank(line_)) {
        ++opened_.notes.blank_lines;
        continue;
      }
      row.line = opened_.lines.line();
      place_ = opened_.lines.place();
      try {
        fill(row);
      } catch (const BadRow&) {
        throw;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt) throw;
        throw BadRow(error.what());
      }
      return true;
    }
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw BadRow(fmt::format("[rows] {}: {}", place_, what));
  }

  void fill(Row& row) {
    const Json json = Json::parse(line_, place_);
    if (!json.is_object()) bad("a row must be a JSON object such as {\"text\": \"...\"}");
    if (const Json* id = json.find("id"); id && !id->is_null()) row.id = scalar(*id, "id");
    if (const Json* adapter = json.find("adapter"); adapter && !adapter->is_null())
      row.adapter = string(*adapter, "adapter");
    switch (opened_.wanted) {
      case Wanted::text:
        row.text = text_of(json, usual_text_names());
        return fill_labels(row, json);
      case Wanted::pair:
        fill_pair(row, json);
        return fill_labels(row, json);
      case Wanted::words:
        return fill_words(row, json);
      case Wanted::choice:
        fill_choices(row, json);
        return fill_labels(row, json);
    }
  }

  const std::string& string(const Json& value, std::string_view name) const {
    if (!value.is_string()) bad(fmt::format("field '{}' must be a string", name));
    return value.as_string();
  }

  std::string scalar(const Json& value, std::string_view name) const {
    if (value.is_string()) return value.as_string();
    if (value.is_number() || value.is_bool()) return value.dump();
    bad(fmt::format("field '{}' must be a string, a number, true or false", name));
  }

  std::string names_of(const Json& json) const {
    std::string names;
    for (const auto& [name, value] : json.as_object()) {
      if (names.size() > 200) return names + ", ...";
      names += (names.empty() ? "'" : ", '") + name + "'";
    }
    return names.empty() ? "no fields" : names;
  }

  const Json& field(const Json& json, const std::string& name, std::string_view flag) const {
    const Json* value = json.find(name);
    if (!value)
      bad(fmt::format("the row has no field '{}' ({}), it has {}", name, flag, names_of(json)));
    return *value;
  }

  // The first of the usual names that the row has.
  static const Json::Member* find_usual(const Json& json, const std::vector<std::string>& names) {
    for (const std::string& name : names)
      for (const Json::Member& member : json.as_object())
        if (member.first == name || usual_form(member.first) == name) return &member;
    return nullptr;
  }

  // The text of the fields that the options name.
  std::string chosen_text(const Json& json) const {
    std::string text;
    for (const std::string& name : opened_.options.text_columns) {
      const std::string& part = string(field(json, name, "--text-column"), name);
      check_text(place_, "field '" + name + "'", part);
      text += (text.empty() ? "" : " ") + part;
    }
    return text;
  }

  std::string text_of(const Json& json, const std::vector<std::string>& names) const {
    if (!opened_.options.text_columns.empty()) return chosen_text(json);
    const Json::Member* member = find_usual(json, names);
    if (!member)
      bad(
          fmt::format("the row has no field 'text', it has {}; --text-column names the field that "
                      "holds the text",
                      names_of(json)));
    const std::string& text = string(member->second, member->first);
    check_text(place_, "field '" + member->first + "'", text);
    return text;
  }

  void fill_pair(Row& row, const Json& json) const {
    const RowOptions& options = opened_.options;
    if (!options.second_column.empty()) {
      row.text = text_of(json, usual_text_names());
      row.second =
          string(field(json, options.second_column, "--second-column"), options.second_column);
      return check_text(place_, "field '" + options.second_column + "'", row.second);
    }
    for (const PairNames& pair : usual_pair_names()) {
      const Json::Member* first = find_usual(json, {pair.first});
      const Json::Member* second = find_usual(json, {pair.second});
      if (!second || (!first && options.text_columns.empty())) continue;
      row.text = text_of(json, {pair.first});
      row.second = string(second->second, second->first);
      return check_text(place_, "field '" + second->first + "'", row.second);
    }
    bad(
        fmt::format("the row has no pair such as 'sentence1' and 'sentence2', it has {}; "
                    "--text-column and --second-column name the fields",
                    names_of(json)));
  }

  // Strings of a list, or of an object {"A": "...", "B": "..."} in their order.
  std::vector<std::string> strings(const Json& value, const std::string& name) const {
    std::vector<std::string> result;
    if (value.is_object()) {
      for (const auto& [key, item] : value.as_object()) result.push_back(scalar(item, name));
    } else if (value.is_array()) {
      for (const Json& item : value.as_array()) result.push_back(scalar(item, name));
    } else {
      bad(fmt::format("field '{}' must be a list of strings", name));
    }
    return result;
  }

  void fill_choices(Row& row, const Json& json) const {
    const Json::Member* context = json.find("context") ? find_usual(json, {"context"}) : nullptr;
    const Json::Member* question = find_usual(json, {"question", "query"});
    if (opened_.options.text_columns.empty() && context) {
      row.text = text_of(json, {"context"});
      if (question) row.text += ' ' + text_of(json, {"question", "query"});
    } else {
      row.text = text_of(json, usual_text_names());
    }
    const std::vector<std::string>& named = opened_.options.choice_columns;
    if (named.size() > 1) {
      for (const std::string& name : named)
        row.choices.push_back(string(field(json, name, "--choice-columns"), name));
    } else if (named.size() == 1) {
      row.choices = strings(field(json, named[0], "--choice-columns"), named[0]);
    } else if (const auto* member = find_usual(json, {"choices", "options", "endings"})) {
      row.choices = strings(member->second, member->first);
    } else {
      bad(
          fmt::format("the row has no field 'choices', it has {}; --choice-columns names it, or "
                      "one field a choice",
                      names_of(json)));
    }
    if (row.choices.size() < 2)
      bad(fmt::format("two choices or more are wanted, it has {}", row.choices.size()));
    for (const std::string& choice : row.choices) check_text(place_, "a choice", choice);
  }

  // The field of the labels; null where none is needed and none is there.
  const Json::Member* label_field(const Json& json, const std::vector<std::string>& names) const {
    const std::string& chosen = opened_.options.label_column;
    const Json::Member* member = nullptr;
    if (chosen.empty())
      member = find_usual(json, names);
    else
      for (const Json::Member& one : json.as_object())
        if (one.first == chosen) member = &one;
    if (!member && opened_.options.needs_label)
      bad(fmt::format("the row has no field '{}', it has {}; --label-column names it",
                      chosen.empty() ? names.front() : chosen, names_of(json)));
    return member && !member->second.is_null() ? member : nullptr;
  }

  void fill_labels(Row& row, const Json& json) const {
    const Json::Member* member = label_field(json, usual_label_names());
    if (!member) return;
    const auto& [name, value] = *member;
    if (value.is_array()) {
      for (const Json& label : value.as_array()) append_labels(scalar(label, name), "", row.labels);
    } else {
      append_labels(scalar(value, name), opened_.options.label_separator, row.labels);
    }
  }

  void fill_words(Row& row, const Json& json) const {
    const Json::Member* words = find_usual(json, {"words", "tokens"});
    if (!opened_.options.text_columns.empty()) {
      const std::string& name = opened_.options.text_columns.front();
      for (const Json::Member& member : json.as_object())
        if (member.first == name) words = member.second.is_array() ? &member : nullptr;
    }
    if (words) {
      join_words(strings(words->second, words->first), row.text, row.words, place_);
      if (row.words.empty()) bad("the row has no words");
      const Json::Member* tags = label_field(json, {"tags", "labels", "nertags", "label"});
      if (!tags) return;
      row.tags = strings(tags->second, tags->first);
      if (row.tags.size() != row.words.size())
        bad(fmt::format("{} words must have as many tags, they have {}", row.words.size(),
                        row.tags.size()));
      return;
    }
    row.text = text_of(json, usual_text_names());
    row.words = split_words(row.text);
    if (const Json::Member* spans = label_field(json, {"spans", "entities"}))
      tag_spans(row.text, spans_of(spans->second, spans->first), row.words, row.tags, place_);
  }

  std::vector<Span> spans_of(const Json& value, const std::string& name) const {
    if (!value.is_array())
      bad(fmt::format("field '{}' must be a list of {{\"begin\", \"end\", \"label\"}}", name));
    std::vector<Span> spans;
    for (const Json& one : value.as_array()) {
      if (!one.is_object())
        bad(fmt::format("field '{}' must hold objects {{\"begin\", \"end\", \"label\"}}", name));
      const auto part = [&](std::initializer_list<const char*> names) -> const Json& {
        for (const char* key : names)
          if (const Json* found = one.find(key)) return *found;
        bad(fmt::format("a span must have '{}', it has {}", *names.begin(), names_of(one)));
      };
      const Json &begin = part({"begin", "start"}), &end = part({"end"}),
                 &label = part({"label", "type", "tag"});
      if (!begin.is_int() || !end.is_int())
        bad("'begin' and 'end' of a span must be whole numbers");
      spans.push_back({begin.as_int(), end.as_int(), string(label, "label")});
    }
    return spans;
  }

  std::string line_, place_;
};

}  // namespace

std::unique_ptr<RowSource> json_rows(Opened opened) {
  return std::make_unique<JsonRows>(std::move(opened));
}

}  // namespace stemma::labelled
