#include "data/labelled/format.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "data/labelled/columns.h"
#include "data/labelled/words.h"
#include "data/text_content.h"
#include "data/text_files.h"

namespace stemma::labelled {
namespace {

// The whole lines at the beginning, but for blank ones.
struct FirstLines {
  std::vector<std::string> lines;
  bool gaps = false;  // a blank line between others
};

FirstLines first_lines(const Lines& all) {
  FirstLines first;
  Lines lines = Lines::of_text(all.begin());
  bool gap = false;
  for (std::string line; lines.next(line); line.clear()) {
    const bool cut = !line.ends_with('\n') && !all.whole() && !first.lines.empty();
    if (cut) break;
    if (is_blank(line)) {
      gap = !first.lines.empty();
      continue;
    }
    first.gaps = first.gaps || gap;
    first.lines.emplace_back(without_end(line));
  }
  return first;
}

// How many columns every line has, 0 where they differ.
template <class Count>
std::size_t same_count(const std::vector<std::string>& lines, Count&& count) {
  std::set<std::size_t> counts;
  for (const std::string& line : lines) counts.insert(count(line));
  return counts.size() == 1 ? *counts.begin() : 0;
}

std::size_t tabs_of(const std::string& line) {
  return static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t'));
}

// CSV's cells at the beginning: the number of columns, 0 where rows differ.
std::size_t csv_columns(const Lines& lines, char separator) {
  const auto records = records_of(lines.begin(), lines.whole(), {separator, true});
  std::set<std::size_t> counts;
  for (const auto& record : records) counts.insert(record.size());
  return counts.size() == 1 ? *counts.begin() : 0;
}

// A comma, or what else cuts all rows into the same number of cells.
Delimiters csv_delimiters(const Lines& lines) {
  for (const char separator : {',', ';', '\t'})
    if (csv_columns(lines, separator) > 1) return {separator, true};
  return {',', true};
}

// "sentence TAB tags": as many tags as words, and sentences of several words.
bool is_tagged_lines(const std::vector<std::string>& lines) {
  bool several = false;
  for (const std::string& line : lines) {
    const std::size_t tab = line.find('\t');
    if (tab == line.npos || line.find('\t', tab + 1) != line.npos) return false;
    const std::string_view text = line;
    const std::size_t words = words_between_blanks(text.substr(0, tab)).size();
    if (words == 0 || words != words_between_blanks(text.substr(tab + 1)).size()) return false;
    several = several || words > 1;
  }
  return several;
}

// A word a line: the same columns everywhere, and ends of sentences or documents.
bool is_conll(const FirstLines& first, bool ends_wanted) {
  std::vector<std::string> words;
  bool ends = first.gaps;
  const bool tabs = std::any_of(first.lines.begin(), first.lines.end(),
                                [](const std::string& line) { return tabs_of(line) > 0; });
  for (const std::string& line : first.lines)
    if (line.starts_with("-DOCSTART-") || (line.starts_with('#') && tabs && tabs_of(line) == 0))
      ends = true;
    else
      words.push_back(line);
  if (is_tagged_lines(words) || (ends_wanted && !ends)) return false;
  const std::size_t columns = same_count(words, [tabs](const std::string& line) -> std::size_t {
    if (!tabs) return words_between_blanks(line).size();
    return tabs_of(line) + 1;
  });
  if (columns < 2) return false;
  // A table of sentences has blanks in its first cell.
  return !tabs || std::none_of(words.begin(), words.end(), [](const std::string& line) {
    return line.substr(0, line.find('\t')).find(' ') != line.npos;
  });
}

class Decision {
 public:
  Decision(const std::filesystem::path& path, const Lines& lines, const RowOptions& options,
           Wanted wanted)
      : lines_(lines),
        options_(options),
        words_(wanted == Wanted::words),
        extension_(text_extension(path)),
        first_(first_lines(lines)),
        tabs_(same_count(first_.lines, tabs_of)) {}

  Format decide() const {
    if (options_.format != "auto") return named(options_.format);
    const bool conll_name = extension_ == ".conll" || extension_ == ".bio" ||
                            extension_ == ".bmes" || extension_ == ".iob";
    if (extension_ == ".jsonl" || extension_ == ".ndjson") return named("jsonl");
    if (words_ && tabs_ == 1 && is_tagged_lines(first_.lines))
      return named("tsv", "its lines are sentences with their tags behind a tab");
    if (conll_name) return named("conll");
    if (words_ && !looks_like_json() && is_conll(first_, !options_.needs_label))
      return named("conll", "every line of it has the columns of one word");
    if (extension_ == ".csv")
      return tabs_ > 0 ? named("tsv", "its lines all have the same number of tabs") : named("csv");
    if (extension_ == ".tsv") return is_csv_by_content() ? named("csv", kCommas) : named("tsv");
    return of_unknown_name();
  }

 private:
  static constexpr const char* kCommas = "it has no tabs, and its rows the same number of cells";

  Format named(std::string name, std::string said = {}) const {
    Format format{std::move(name), {}, std::move(said)};
    if (format.name == "csv") {
      format.delimiters = csv_delimiters(lines_);
      if (format.delimiters.separator != ',')
        format.said = fmt::format("{} stands between its cells",
                                  format.delimiters.separator == ';' ? "a semicolon" : "a tab");
    }
    format.delimiters.unquotes = !words_;
    return format;
  }

  bool looks_like_json() const {
    return !first_.lines.empty() && trimmed(first_.lines.front()).starts_with('{') &&
           (is_json_lines(lines_.begin()) || lines_.streamed());
  }

  bool is_csv_by_content() const {
    const bool no_tabs = std::all_of(first_.lines.begin(), first_.lines.end(),
                                     [](const std::string& line) { return tabs_of(line) == 0; });
    return no_tabs && first_.lines.size() > 1 && csv_columns(lines_, ',') > 1;
  }

  Format of_unknown_name() const {
    if (looks_like_json())
      return named("jsonl", extension_ == ".json" ? "" : "its lines are JSON objects");
    if (extension_ == ".json")
      throw Error(ErrorCode::unsupported,
                  fmt::format("[rows] {}: it must be rows, one JSON object a line, and is one JSON "
                              "value; jq -c '.[]' FILE > rows.jsonl writes those of a list",
                              lines_.name()));
    if (tabs_ > 0) return named("tsv", "its lines all have the same number of tabs");
    if (const Format csv = named("csv"); !first_.lines.empty()) {
      const auto records = records_of(lines_.begin(), lines_.whole(), csv.delimiters);
      if (!records.empty() && records.front().size() > 1 &&
          csv_columns(lines_, csv.delimiters.separator) > 1 &&
          decide_header(records, records.front().size()).header)
        return named("csv", "its first row is a header");
    }
    return named("lines");
  }

  const Lines& lines_;
  const RowOptions& options_;
  const bool words_;
  const std::string extension_;
  const FirstLines first_;
  const std::size_t tabs_;  // in every line, 0 where they differ
};

}  // namespace

Format decide_format(const std::filesystem::path& path, const Lines& lines,
                     const RowOptions& options, Wanted wanted) {
  return Decision(path, lines, options, wanted).decide();
}

}  // namespace stemma::labelled
