// Rows of a table: TSV and CSV.
#include <utility>

#include <fmt/format.h>

#include "data/labelled/columns.h"
#include "data/labelled/row_source.h"
#include "data/labelled/words.h"
#include "text/unicode/utf8.h"

namespace stemma::labelled {
namespace {

class TableRows final : public RowSource {
 public:
  TableRows(Opened opened, Delimiters delimiters)
      : RowSource(std::move(opened)), records_(delimiters) {
    TableSample sample{opened_.lines.name(),
                       records_of(opened_.lines.begin(), opened_.lines.whole(), delimiters)};
    if (sample.records.empty()) return;  // there are no rows, or the first one is damaged
    columns_ = choose_columns(sample, opened_.options, opened_.wanted);
    opened_.notes.header = columns_.header;
    auto& said = opened_.notes.said;
    said.insert(said.end(), columns_.said.begin(), columns_.said.end());
    header_comes_ = columns_.header;
  }

  bool next(Row& row) override {
    do {
      if (!records_.next(opened_.lines, record_)) return false;
      row.line = record_.line;
      if (record_.blank) {
        ++opened_.notes.blank_lines;
      } else if (!header_comes_) {
        fill(row);
        return true;
      } else {
        header_comes_ = false;
      }
    } while (true);
  }

 private:
  std::string place() const { return fmt::format("{}:{}", opened_.lines.name(), record_.line); }

  void fill(Row& row) {
    if (record_.cells.size() != columns_.count)
      throw BadRow(
          fmt::format("[rows] {}: a row must have {} columns as the first one has, it has {}{}",
                      place(), columns_.count, record_.cells.size(),
                      opened_.notes.format == "csv"
                          ? "; a field with the separator or a quote in it must be quoted"
                          : "; a text may hold no tab (in CSV it may, quoted)"));
    for (std::size_t i = 0; i < columns_.texts.size(); ++i) {
      if (i > 0) row.text += ' ';
      row.text += text_at(columns_.texts[i]);
    }
    if (columns_.second) row.second = text_at(*columns_.second);
    for (const std::size_t column : columns_.choices) row.choices.push_back(text_at(column));
    if (opened_.wanted == Wanted::words) return fill_words(row);
    if (!columns_.label) return;
    check_cell(*columns_.label);
    append_labels(record_.cells[*columns_.label], opened_.options.label_separator, row.labels);
  }

  // Tags stand between blanks, as the words of their text do; a text without tags is cut as texts
  // are.
  void fill_words(Row& row) {
    if (columns_.label) {
      check_cell(*columns_.label);
      const std::string_view cell = record_.cells[*columns_.label];
      for (const ByteRange& tag : words_between_blanks(cell))
        row.tags.emplace_back(cell.substr(static_cast<std::size_t>(tag.begin),
                                          static_cast<std::size_t>(tag.end - tag.begin)));
    }
    row.words = row.tags.empty() ? split_words(row.text) : words_between_blanks(row.text);
    if (!row.tags.empty() && row.tags.size() != row.words.size())
      throw BadRow(
          fmt::format("[rows] {}: {} words between blanks must have as many tags, they "
                      "have {}; --text-column and --label-column name both",
                      place(), row.words.size(), row.tags.size()));
  }

  void check_cell(std::size_t column) const {
    if (!unicode::is_valid_utf8(record_.cells[column]))
      check_utf8(fmt::format("{}, column {}", place(), columns_.names[column]),
                 record_.cells[column]);
  }

  const std::string& text_at(std::size_t column) const {
    check_cell(column);
    const std::string& cell = record_.cells[column];
    if (is_blank(cell)) check_text(place(), "column " + columns_.names[column], cell);
    return cell;
  }

  Records records_;
  Record record_;
  Columns columns_;
  bool header_comes_ = false;
};

}  // namespace

std::unique_ptr<RowSource> table_rows(Opened opened, Delimiters delimiters) {
  return std::make_unique<TableRows>(std::move(opened), delimiters);
}

}  // namespace stemma::labelled
