#include "data/labelled/rows.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "data/labelled/delimited.h"
#include "data/labelled/format.h"
#include "data/labelled/row_source.h"
#include "data/labelled/words.h"
#include "text/unicode/utf8.h"

namespace stemma::labelled {
namespace {

namespace fs = std::filesystem;

class LineRows final : public RowSource {
 public:
  explicit LineRows(Opened opened) : RowSource(std::move(opened)) {
    const char* lack = opened_.wanted == Wanted::pair     ? "no second text"
                       : opened_.wanted == Wanted::choice ? "no choices"
                       : opened_.options.needs_label      ? "no labels"
                                                          : nullptr;
    if (lack != nullptr && !opened_.lines.begin().empty())
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[rows] {}: it is read as one text a line, which has {}: its name says no "
                      "table and its lines have not all the same number of tabs; --data-format "
                      "tsv, csv, jsonl or conll says what it is",
                      opened_.lines.name(), lack));
  }

  bool next(Row& row) override {
    for (;;) {
      line_.clear();
      if (!opened_.lines.next(line_)) return false;
      if (!is_blank(line_)) break;
      ++opened_.notes.blank_lines;
    }
    row.line = opened_.lines.line();
    row.text = without_end(line_);
    check_utf8(opened_.lines.place(), row.text);
    if (opened_.wanted == Wanted::words) row.words = split_words(row.text);
    return true;
  }

 private:
  std::string line_;
};

void check_options(const RowOptions& options) {
  const auto check = [](std::string_view flag, const std::string& value,
                        std::initializer_list<std::string_view> allowed) {
    for (const std::string_view one : allowed)
      if (one == value) return;
    throw Error(ErrorCode::invalid_argument, fmt::format("[rows] {} must be one of {}, not '{}'",
                                                         flag, fmt::join(allowed, ", "), value));
  };
  check("--data-format", options.format, {"auto", "tsv", "csv", "jsonl", "conll", "lines"});
  check("--header", options.header, {"auto", "yes", "no"});
  check("--bad-rows", options.bad_rows, {"stop", "skip"});
}

void clear(Row& row) {
  row.text.clear();
  row.second.clear();
  row.choices.clear();
  row.labels.clear();
  row.words.clear();
  row.tags.clear();
  row.id.clear();
  row.adapter.clear();
  row.line = 0;
}

}  // namespace

std::unique_ptr<RowSource> line_rows(Opened opened) {
  return std::make_unique<LineRows>(std::move(opened));
}

void check_utf8(const std::string& place, std::string_view bytes) {
  if (unicode::is_valid_utf8(bytes)) return;
  std::size_t good = 0;
  char32_t c = 0;
  while (const std::size_t length = unicode::decode_utf8(bytes.substr(good), c)) good += length;
  throw BadRow(fmt::format(
      "[rows] {}: text must be UTF-8, and byte {:#04x} behind '{}' is not; convert the file (iconv "
      "-f WINDOWS-1252 -t UTF-8 where it is Western European)",
      place, static_cast<unsigned char>(bytes[good]),
      bytes.substr(good - std::min<std::size_t>(good, 20), std::min<std::size_t>(good, 20))));
}

void check_text(const std::string& place, std::string_view what, std::string_view text) {
  check_utf8(place, text);
  if (is_blank(text)) throw BadRow(fmt::format("[rows] {}: {} must not be empty", place, what));
}

void append_labels(std::string_view cell, const std::string& separator,
                   std::vector<std::string>& labels) {
  for (std::size_t begin = 0; begin <= cell.size();) {
    const std::size_t end =
        separator.empty() ? cell.size() : std::min(cell.find(separator, begin), cell.size());
    if (const std::string_view label = trimmed(cell.substr(begin, end - begin)); !label.empty())
      labels.emplace_back(label);
    begin = end + std::max<std::size_t>(separator.size(), 1);
  }
}

void declare(RowOptions& rows, OptionSet& options) {
  options.add_choice({"data_format",
                      "the format of labelled text: auto: by name and content; tsv, csv, jsonl, "
                      "conll, or lines: one text a line",
                      "csv"},
                     rows.format, {"auto", "tsv", "csv", "jsonl", "conll", "lines"});
  options.add({"text_column",
               "the column of the text: a name, or a number from 1; several are joined by a blank",
               "sentence"},
              rows.text_columns);
  options.add({"second_column", "the column of the second text of a pair", "hypothesis"},
              rows.second_column);
  options.add({"label_column", "the column of the label", "category"}, rows.label_column);
  options.add({"choice_columns", "the columns of multiple choice, one a choice", "ending1"},
              rows.choice_columns);
  options.add({"label_separator", "several labels in a cell: what stands between them", "|"},
              rows.label_separator);
  options.add_choice({"header", "whether the first row of a table names its columns", "no"},
                     rows.header, {"auto", "yes", "no"});
  options.add_choice({"bad_rows",
                      "a row that cannot be read: stop; or skip: leave it out, count it and show "
                      "the first ten",
                      "skip"},
                     rows.bad_rows, {"stop", "skip"});
  options.add(
      {"bad_rows_limit", "with skip: stop where more than this share of the rows is bad", "0.05"},
      rows.bad_rows_limit, {0, 1});
}

RowReader::RowReader(const fs::path& path, RowOptions options, Wanted wanted)
    : options_(std::move(options)) {
  check_options(options_);
  Lines lines(path);
  name_ = lines.name();
  const Format format = decide_format(path, lines, options_, wanted);
  Opened opened{std::move(lines), options_, wanted, {}};
  opened.notes.format = format.name;
  if (!format.said.empty())
    opened.notes.said.push_back(fmt::format("it is read as {}: {}", format.name, format.said));
  source_ = format.name == "jsonl"   ? json_rows(std::move(opened))
            : format.name == "conll" ? conll_rows(std::move(opened))
            : format.name == "lines" ? line_rows(std::move(opened))
                                     : table_rows(std::move(opened), format.delimiters);
}

RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;

const RowNotes& RowReader::notes() const { return source_->notes(); }

bool RowReader::next(Row& row) {
  RowNotes& notes = source_->notes();
  for (;;) {
    clear(row);
    try {
      if (!source_->next(row)) break;
      ++notes.rows;
      notes.unlabelled += row.labels.empty() && row.tags.empty();
      return true;
    } catch (const BadRow& bad) {
      if (options_.bad_rows != "skip")
        throw Error(ErrorCode::corrupt,
                    fmt::format("{}; --bad-rows skip leaves such rows out", bad.what()));
      constexpr std::size_t kShown = 10;
      ++notes.bad_rows;
      if (notes.first_bad_rows.size() < kShown) notes.first_bad_rows.push_back(bad.what());
    }
  }
  notes.replaced = source_->lines().replaced();
  check_bad_rows();
  return false;
}

void RowReader::check_bad_rows() const {
  const RowNotes& noted = notes();
  const std::int64_t all = noted.rows + noted.bad_rows;
  if (all == 0)
    throw Error(ErrorCode::corrupt, fmt::format("[rows] {}: it must hold rows, and {}", name_,
                                                noted.header ? "has only a header" : "is empty"));
  if (static_cast<double>(noted.bad_rows) > options_.bad_rows_limit * static_cast<double>(all))
    throw Error(ErrorCode::corrupt,
                fmt::format("[rows] {}: {} of {} rows cannot be read, above the limit of {} % "
                            "(--bad-rows-limit); the first: {}",
                            name_, noted.bad_rows, all, 100 * options_.bad_rows_limit,
                            noted.first_bad_rows.front()));
}

std::vector<Row> read_rows(const fs::path& path, const RowOptions& options, Wanted wanted,
                           RowNotes* notes) {
  RowReader reader(path, options, wanted);
  std::vector<Row> rows;
  for (Row row; reader.next(row);) rows.push_back(row);
  if (notes != nullptr) *notes = reader.notes();
  return rows;
}

void log_rows(const fs::path& path, const RowNotes& notes) {
  const std::string name = path == "-" ? "standard input" : path.string();
  log_info(fmt::format("{}: {} rows ({}){}{}", name, notes.rows, notes.format,
                       notes.said.empty() ? "" : ": ", fmt::join(notes.said, "; ")));
  std::vector<std::string> more;
  const auto tell = [&](std::int64_t count, std::string_view what) {
    if (count > 0) more.push_back(fmt::format("{} {}", count, what));
  };
  tell(notes.unlabelled, "without a label");
  tell(notes.blank_lines, "blank lines");
  tell(notes.document_starts, "-DOCSTART- lines passed over");
  tell(notes.comments, "comments passed over");
  if (!more.empty()) log_info(fmt::format("{}: {}", name, fmt::join(more, ", ")));
  if (notes.replaced > 0)
    log_warning(fmt::format("[rows] {}: {} halves of UTF-16 or UTF-32 characters became U+FFFD",
                            name, notes.replaced));
  if (notes.bad_rows > 0)
    log_warning(fmt::format("[rows] {}: left out {} of {} rows that cannot be read:\n  {}", name,
                            notes.bad_rows, notes.rows + notes.bad_rows,
                            fmt::join(notes.first_bad_rows, "\n  ")));
}

}  // namespace stemma::labelled
