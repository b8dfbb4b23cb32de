#include "data/documents.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "data/text_content.h"

namespace stemma {
namespace {

constexpr std::string_view kMark = "<|endoftext|>";
constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kWhiteSpace) == std::string_view::npos;
}

// A line with nothing but the mark, and blanks as editors and shells leave them.
bool is_mark(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(kWhiteSpace);
  if (begin == line.npos || !line.substr(begin).starts_with(kMark)) return false;
  return is_blank(line.substr(begin + kMark.size()));
}

// What a row has instead of the text field.
std::string names_of(const Json& row) {
  std::string names;
  for (const auto& [name, value] : row.as_object()) {
    if (names.size() > 200) return names + ", ...";
    names += (names.empty() ? "'" : ", '") + name + "'";
  }
  return names.empty() ? "no fields" : names;
}

std::string text_of_row(const std::string& row, const std::string& place,
                        const std::string& field) {
  const Json json = Json::parse(row, place);
  if (!json.is_object())
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {}: a row must be a JSON object such as {{\"{}\": \"...\"}}",
                            place, field));
  const Json* text = json.find(field);
  if (!text)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {}: the row has no field '{}', it has {}; name the field that "
                            "holds the text with --text-field",
                            place, field, names_of(json)));
  if (!text->is_string())
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {}: field '{}' must be a string", place, field));
  return text->as_string();
}

}  // namespace

void declare(DocumentOptions& documents, OptionSet& options) {
  options.add({"text_field", "the field of a row of JSON lines that holds the text", "text"},
              documents.text_field);
  options.add_choice({"document_mark",
                      "where <|endoftext|> ends a document: line: on a line of its own; anywhere: "
                      "inside lines too",
                      "anywhere"},
                     documents.document_mark, {"line", "anywhere"});
  options.add_choice({"bad_rows",
                      "a row of JSON lines that cannot be read: stop; or skip: leave it out, count "
                      "it and show the first ten",
                      "skip"},
                     documents.bad_rows, {"stop", "skip"});
  options.add(
      {"bad_rows_limit", "with skip: stop where more than this share of the rows is bad", "0.05"},
      documents.bad_rows_limit, {0, 1});
  options.add(
      {"strict", "stop where a file of a folder is no text, or any character is damaged", "true"},
      documents.strict);
}

TextFiles find_documents(const std::vector<std::filesystem::path>& paths,
                         const DocumentOptions& options) {
  return find_text_files(paths, {.strict = options.strict, .text_field = options.text_field});
}

DocumentReader::DocumentReader(TextFiles found, DocumentOptions options)
    : found_(std::move(found)),
      options_(std::move(options)),
      anywhere_(options_.document_mark == "anywhere") {
  if (options_.text_field.empty())
    throw Error(ErrorCode::invalid_argument, "[data] the name of the text field must not be empty");
  if (options_.group_bytes == 0 || options_.limit_bytes == 0)
    throw Error(ErrorCode::invalid_argument, "[data] group and limit must be at least 1 byte");
  for (const TextFile& file : found_.files) total_bytes_ += file.bytes;
}

std::uint64_t DocumentReader::position_bytes() const {
  return finished_bytes_ + (lines_ ? lines_->position() : 0);
}

std::string DocumentReader::place() const {
  return fmt::format("{}:{}", file().path.string(), lines_->line());
}

bool DocumentReader::survey(const TextFile& file) {
  LineReader lines(file);
  CharacterCount all;
  std::uint64_t first_damaged = 0;  // line
  kind_ = Kind::unmarked;
  for (std::string line; lines.append_line(line, options_.limit_bytes); line.clear()) {
    if (anywhere_ ? line.find(kMark) != line.npos : is_mark(line)) kind_ = Kind::marked;
    const CharacterCount count = count_characters(line);
    if (count.damaged > 0 && all.damaged == 0) first_damaged = lines.line();
    all.characters += count.characters;
    all.damaged += count.damaged;
  }
  if (all.damaged == 0) return true;
  const std::string first = fmt::format("{}:{}", file.path.string(), first_damaged);
  if (all.damaged * 1000 <= all.characters && !options_.strict) {
    if (notes_.damaged == 0) notes_.first_damaged = first;
    notes_.damaged += all.damaged;
    return true;
  }
  const std::string reason = fmt::format(
      "{} of its {} characters are not UTF-8, the first at {}: convert it (iconv -f WINDOWS-1252 "
      "-t UTF-8 where it is Western European) or take that part out",
      all.damaged, all.characters, first);
  if (file.named || options_.strict)
    throw Error(ErrorCode::corrupt, fmt::format("[data] {}: {}", file.path.string(), reason));
  found_.left_out.push_back({file.path, reason});
  return false;
}

void DocumentReader::open_file() {
  const TextFile next = found_.files[next_file_++];
  kind_ = Kind::jsonl;
  if (next.json_lines || survey(next)) {
    lines_ = std::make_unique<LineReader>(next);
    return;
  }
  finished_bytes_ += next.bytes;
  found_.files.erase(found_.files.begin() + static_cast<std::ptrdiff_t>(--next_file_));
}

void DocumentReader::check_bad_rows() const {
  const auto most = options_.bad_rows_limit * static_cast<double>(notes_.rows);
  if (static_cast<double>(notes_.bad_rows) > most)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {} of {} rows cannot be read, above the limit of {} % "
                            "(--bad-rows-limit); the first: {}",
                            notes_.bad_rows, notes_.rows, 100 * options_.bad_rows_limit,
                            notes_.first_bad_rows.front()));
}

bool DocumentReader::next(Document& document) {
  for (;;) {
    if (!lines_) {
      if (next_file_ == found_.files.size()) {
        check_bad_rows();
        return false;
      }
      open_file();
      if (!lines_) continue;  // left out
    }
    document.text.clear();
    document.file = next_file_ - 1;
    document.line = lines_->line() + (pending_.empty() ? 1 : 0);
    const bool found = kind_ == Kind::jsonl    ? next_row(document.text)
                       : kind_ == Kind::marked ? next_marked(document.text)
                                               : next_group(document.text);
    if (!found) {
      finished_bytes_ += lines_->position();
      notes_.replaced += lines_->replaced();
      lines_.reset();
    } else if (!is_blank(document.text)) {
      ++notes_.documents;
      notes_.text_bytes += document.text.size();
      return true;
    }
  }
}

bool DocumentReader::next_row(std::string& text) {
  row_.clear();
  if (!lines_->append_line(row_, options_.limit_bytes)) return false;
  if (is_blank(row_)) return true;
  ++notes_.rows;
  try {
    text = text_of_row(row_, place(), options_.text_field);
    notes_.empty_rows += is_blank(text) ? 1 : 0;
    notes_.marks_in_rows += text.find(kMark) != text.npos ? 1 : 0;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    if (options_.bad_rows != "skip")
      throw Error(ErrorCode::corrupt,
                  fmt::format("{}; --bad-rows skip leaves such rows out", error.what()));
    constexpr std::size_t kShown = 10;
    ++notes_.bad_rows;
    if (notes_.first_bad_rows.size() < kShown) notes_.first_bad_rows.push_back(error.what());
    text.clear();
  }
  return true;
}

void DocumentReader::note_mark(std::string_view line) {
  if (line.find(kMark) == line.npos) return;
  if (notes_.marks_inside++ == 0) notes_.first_mark_inside = place();
}

bool DocumentReader::next_marked(std::string& text) {
  bool at_end = false;
  text.swap(pending_);
  pending_.clear();
  for (std::size_t start = 0;; start = text.size()) {
    // The rest of a line that a mark cut is looked at first.
    if (start == text.size() && !lines_->append_line(text, options_.limit_bytes)) at_end = true;
    const std::string_view line = std::string_view(text).substr(start);
    const std::size_t mark = anywhere_ ? line.find(kMark) : line.npos;
    if (mark != line.npos) {
      pending_ = line.substr(mark + kMark.size());
      if (is_blank(pending_)) pending_.clear();
      text.resize(start + mark);
      return true;
    }
    if (is_mark(line)) {
      text.resize(start);
      return true;
    }
    if (at_end) return !text.empty();
    note_mark(line);
  }
}

bool DocumentReader::next_group(std::string& text) {
  text.swap(pending_);
  pending_.clear();
  bool after_blank = false;
  for (;;) {
    const std::size_t start = text.size();
    if (!lines_->append_line(text, options_.limit_bytes)) return !text.empty();
    const std::string_view line = std::string_view(text).substr(start);
    const bool blank = is_blank(line);
    note_mark(line);
    // Blank lines stay with the text before them.
    const bool at_blank = start >= options_.group_bytes && after_blank && !blank;
    if (at_blank || (start > 0 && start / 2 >= options_.group_bytes)) {
      pending_.assign(text, start);
      text.resize(start);
      return true;
    }
    after_blank = blank;
  }
}

void log_reading(const DocumentReader& reader) {
  const ReadingNotes& notes = reader.notes();
  const auto counted = [](std::int64_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  log_info(fmt::format("read {}, {}, {} of text", counted(std::ssize(reader.found().files), "file"),
                       counted(notes.documents, "document"), format_bytes(notes.text_bytes)));
  log_found(reader.found());
  if (notes.damaged > 0)
    log_warning(
        fmt::format("[data] {} characters are not UTF-8 and stay as they are, the first at "
                    "{}",
                    notes.damaged, notes.first_damaged));
  if (notes.replaced > 0)
    log_warning(fmt::format("[data] {} halves of UTF-16 or UTF-32 characters became U+FFFD",
                            notes.replaced));
  if (notes.empty_rows > 0)
    log_info(fmt::format("{} of {} rows have no text and give no document", notes.empty_rows,
                         notes.rows));
  if (notes.marks_in_rows > 0)
    log_warning(
        fmt::format("[data] {} of {} rows have {} in their text: there it is text, a row is "
                    "one document",
                    notes.marks_in_rows, notes.rows, kMark));
  if (notes.bad_rows > 0)
    log_warning(fmt::format("[data] left out {} of {} rows that cannot be read:\n  {}",
                            notes.bad_rows, notes.rows, fmt::join(notes.first_bad_rows, "\n  ")));
  if (notes.marks_inside > 0)
    log_warning(
        fmt::format("[data] {} lines have {} inside them (the first: {}); it is read as "
                    "text there; --document-mark anywhere ends documents at it",
                    notes.marks_inside, kMark, notes.first_mark_inside));
}

}  // namespace stemma
