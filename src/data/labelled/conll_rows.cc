// Rows of CoNLL columns: a word a line, sentences between blank lines.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "data/labelled/numbers.h"
#include "data/labelled/row_source.h"
#include "data/labelled/words.h"

namespace stemma::labelled {
namespace {

constexpr std::string_view kDocumentStart = "-DOCSTART-";
constexpr std::int64_t kMostWords = 1 << 20;  // of a sentence

class ConllRows final : public RowSource {
 public:
  explicit ConllRows(Opened opened) : RowSource(std::move(opened)) {
    if (opened_.wanted != Wanted::words)
      refuse("CoNLL columns hold words and their tags; --task tokens reads them");
    const RowOptions& options = opened_.options;
    if (options.text_columns.size() > 1) refuse("words come from one column (--text-column)");
    if (!options.text_columns.empty())
      word_column_ = column_of(options.text_columns.front(), "--text-column").value_or(0);
    tag_column_ = column_of(options.label_column, "--label-column");
    look_ahead();
  }

  bool next(Row& row) override {
    parts_.clear();
    while (read_line()) {
      const std::string_view line = without_end(line_);
      const bool begins = parts_.empty();
      if (is_blank(line)) {
        if (!begins) return finish(row);
        ++opened_.notes.blank_lines;
      } else if (trimmed(line).starts_with(kDocumentStart)) {
        ++opened_.notes.document_starts;
        if (!begins) return finish(row);
      } else if (is_comment(line)) {
        ++opened_.notes.comments;
        if (!begins) return finish(row);
      } else {
        if (begins) row.line = opened_.lines.line();
        take(row, line);
      }
    }
    return !parts_.empty() && finish(row);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[rows] {}: {}", opened_.lines.name(), what));
  }

  std::optional<std::size_t> column_of(const std::string& name, const char* flag) const {
    if (name.empty()) return std::nullopt;
    const auto number = whole_number(name);
    if (!number || *number < 1)
      refuse(fmt::format("CoNLL columns have numbers from 1 and no names, {} is '{}'", flag, name));
    return static_cast<std::size_t>(*number - 1);
  }

  // Tabs separate where the first word has one; how many columns there are.
  void look_ahead() {
    Lines begin = Lines::of_text(opened_.lines.begin());
    for (std::string line; begin.next(line); line.clear()) {
      const std::string_view text = without_end(line);
      if (is_blank(text) || text.starts_with('#') || trimmed(text).starts_with(kDocumentStart))
        continue;
      separator_ = text.find('\t') == text.npos ? ' ' : '\t';
      split(text);
      count_ = cells_.size();
      break;
    }
    if (count_ == 0) return;
    const bool single = count_ == 1 && !tag_column_ && !opened_.options.needs_label;
    if (!single && !tag_column_) tag_column_ = count_ - 1;
    if (word_column_ >= count_ || (tag_column_ && *tag_column_ >= count_) ||
        tag_column_ == word_column_)
      refuse(fmt::format(
          "words and tags must be two of its columns, and it has {} (between {}); --text-column "
          "and --label-column give their numbers",
          count_, separator_ == '\t' ? "tabs" : "blanks"));
    opened_.notes.said.push_back(
        single ? "its one column holds words, without tags"
               : fmt::format("words are column {} and tags column {} of {}, between {}",
                             word_column_ + 1, *tag_column_ + 1, count_,
                             separator_ == '\t' ? "tabs" : "blanks"));
  }

  bool read_line() {
    line_.clear();
    return opened_.lines.next(line_);
  }

  void split(std::string_view line) {
    cells_.clear();
    if (separator_ == '\t') {
      for (std::size_t begin = 0;;) {
        const std::size_t end = std::min(line.find('\t', begin), line.size());
        cells_.push_back(trimmed(line.substr(begin, end - begin)));
        if (end == line.size()) return;
        begin = end + 1;
      }
    }
    for (std::size_t begin = 0; (begin = line.find_first_not_of(" \t", begin)) != line.npos;) {
      const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
      cells_.push_back(line.substr(begin, end - begin));
      begin = end;
    }
  }

  // A line of # is one where it has not the columns of the others: "# text = ...", "#doc 12".
  bool is_comment(std::string_view line) {
    if (!line.starts_with('#')) return false;
    if (count_ == 0) return true;
    split(line);
    return cells_.size() != count_;
  }

  // Adds a word. What is wrong with it is said when the sentence is whole, so that it is left out
  // as one.
  void take(Row& row, std::string_view line) {
    if (count_ == 0) {  // a pipe that began with comments
      separator_ = line.find('\t') == line.npos ? ' ' : '\t';
      split(line);
      count_ = cells_.size();
      if (!tag_column_ && count_ > 1) tag_column_ = count_ - 1;
    }
    if (!problem_.empty()) return;
    split(line);
    parts_.emplace_back();
    if (cells_.size() != count_ || word_column_ >= count_ ||
        (tag_column_ && *tag_column_ >= count_)) {
      problem_ = fmt::format("[rows] {}: a word must have {} columns between {}, it has {}",
                             opened_.lines.place(), count_, separator_ == '\t' ? "tabs" : "blanks",
                             cells_.size());
      return;
    }
    parts_.back() = cells_[word_column_];
    if (!tag_column_) return;
    row.tags.emplace_back(cells_[*tag_column_]);
    if (row.tags.back().empty())
      problem_ = fmt::format("[rows] {}: a word must have a tag", opened_.lines.place());
    if (std::ssize(parts_) > kMostWords)
      problem_ = fmt::format(
          "[rows] {}: a sentence of more than {} words; blank lines must end "
          "sentences",
          opened_.lines.place(), kMostWords);
  }

  bool finish(Row& row) {
    if (!problem_.empty()) throw BadRow(std::exchange(problem_, {}));
    const std::string place = fmt::format("{}:{}", opened_.lines.name(), row.line);
    join_words(parts_, row.text, row.words, place);
    check_utf8(place, row.text);
    for (const std::string& tag : row.tags) check_utf8(place, tag);
    return true;
  }

  std::size_t word_column_ = 0;
  std::optional<std::size_t> tag_column_;
  std::size_t count_ = 0;  // columns; 0: not known yet
  char separator_ = ' ';
  std::string line_, problem_;
  std::vector<std::string_view> cells_;
  std::vector<std::string> parts_;  // the words of the sentence
};

}  // namespace

std::unique_ptr<RowSource> conll_rows(Opened opened) {
  return std::make_unique<ConllRows>(std::move(opened));
}

}  // namespace stemma::labelled
