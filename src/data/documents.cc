#include "data/documents.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "<|endoftext|>";
constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kWhiteSpace) == std::string_view::npos;
}

bool is_mark(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line == kMark;
}

// "books.JSONL.gz" → ".jsonl".
std::string text_extension(const fs::path& path) {
  const fs::path name = path.filename();
  const std::string extension = lower_extension(name);
  return extension == ".gz" || extension == ".zst" ? lower_extension(name.stem()) : extension;
}

bool is_jsonl(const fs::path& path) {
  const std::string extension = text_extension(path);
  return extension == ".jsonl" || extension == ".ndjson";
}

struct Refused {
  std::string_view extension, advice;
};
constexpr std::array kRefused = {
    Refused{".xz", "decompress it first (xz -d), or use .gz or .zst"},
    Refused{".bz2", "decompress it first (bunzip2), or use .gz or .zst"},
    Refused{".lz4", "decompress it first, or use .gz or .zst"},
    Refused{".zip", "unpack it first (unzip)"},
    Refused{".tar", "unpack it first (tar -x)"},
    Refused{".tgz", "unpack it first (tar -x)"},
    Refused{".json", "write it as .jsonl, one object a line"},
    Refused{".parquet", "export it as .jsonl, one object a line"},
    Refused{".arrow", "export it as .jsonl, one object a line"},
    Refused{".toml", "a recipe is named before the options: stemma train RECIPE.toml --data ..."},
    Refused{".pdf", "extract its text first"},
    Refused{".tokens", "packed data are opened by their folder, the one with dataset.json"},
    Refused{".safetensors", "it is a model, not text"},
};

void check_text_file(const fs::path& path) {
  std::error_code failure;
  if (!fs::is_regular_file(path, failure))
    throw Error(ErrorCode::unsupported,
                fmt::format("[data] {}: a regular file is wanted (data are read twice and their "
                            "size is needed); write a pipe's output to a file first",
                            path.string()));
  const std::string extension = text_extension(path);
  for (const Refused& refused : kRefused)
    if (extension == refused.extension)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[data] {}: {} files cannot be read as text: {}", path.string(),
                              refused.extension, refused.advice));
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void append_folder(const fs::path& folder, std::vector<fs::path>& files) {
  std::vector<fs::path> found;
  std::error_code failure;
  fs::recursive_directory_iterator entry(folder, failure);
  for (; !failure && entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
    } else if (!entry->is_directory()) {
      check_text_file(entry->path());
      found.push_back(entry->path());
    }
  }
  if (failure)
    throw Error(ErrorCode::device, fmt::format("[data] {}: the folder cannot be read: {}",
                                               folder.string(), failure.message()));
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
}

bool has_marks(const fs::path& path, std::uint64_t limit_bytes) {
  LineReader lines(path);
  std::string line;
  while (lines.append_line(line, limit_bytes)) {
    if (is_mark(line)) return true;
    line.clear();
  }
  return false;
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
                            "holds the text",
                            place, field, names_of(json)));
  if (!text->is_string())
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {}: field '{}' must be a string", place, field));
  return text->as_string();
}

}  // namespace

std::vector<fs::path> expand_files(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    std::error_code failure;
    if (!fs::exists(path, failure))
      throw Error(ErrorCode::not_found,
                  fmt::format("[data] {}: no such file or folder", path.string()));
    if (fs::is_directory(path, failure)) {
      append_folder(path, files);
    } else {
      check_text_file(path);
      files.push_back(path);
    }
  }
  return files;
}

DocumentReader::DocumentReader(std::vector<fs::path> files, DocumentOptions options)
    : files_(std::move(files)), options_(std::move(options)) {
  if (options_.text_field.empty())
    throw Error(ErrorCode::invalid_argument, "[data] the name of the text field must not be empty");
  if (options_.group_bytes == 0 || options_.limit_bytes == 0)
    throw Error(ErrorCode::invalid_argument, "[data] group and limit must be at least 1 byte");
  for (const fs::path& file : files_) {
    std::error_code failure;
    const auto size = fs::file_size(file, failure);
    if (!failure) total_bytes_ += size;
  }
}

std::uint64_t DocumentReader::position_bytes() const {
  return finished_bytes_ + (lines_ ? lines_->position() : 0);
}

void DocumentReader::open_file() {
  const fs::path& file = files_[next_file_++];
  kind_ = is_jsonl(file)                          ? Kind::jsonl
          : has_marks(file, options_.limit_bytes) ? Kind::marked
                                                  : Kind::unmarked;
  lines_ = std::make_unique<LineReader>(file);
}

bool DocumentReader::next(Document& document) {
  for (;;) {
    if (!lines_) {
      if (next_file_ == files_.size()) return false;
      open_file();
    }
    document.text.clear();
    document.file = next_file_ - 1;
    document.line = lines_->line() + (pending_.empty() ? 1 : 0);
    const bool found = kind_ == Kind::jsonl    ? next_row(document.text)
                       : kind_ == Kind::marked ? next_marked(document.text)
                                               : next_group(document.text);
    if (!found) {
      finished_bytes_ += lines_->position();
      lines_.reset();
    } else if (!is_blank(document.text)) {
      return true;
    }
  }
}

bool DocumentReader::next_row(std::string& text) {
  row_.clear();
  if (!lines_->append_line(row_, options_.limit_bytes)) return false;
  if (is_blank(row_)) return true;
  const std::string place = fmt::format("{}:{}", files_[next_file_ - 1].string(), lines_->line());
  text = text_of_row(row_, place, options_.text_field);
  return true;
}

bool DocumentReader::next_marked(std::string& text) {
  for (;;) {
    const std::size_t start = text.size();
    if (!lines_->append_line(text, options_.limit_bytes)) return !text.empty();
    if (is_mark(std::string_view(text).substr(start))) {
      text.resize(start);
      return true;
    }
  }
}

bool DocumentReader::next_group(std::string& text) {
  text.swap(pending_);
  pending_.clear();
  bool after_blank = false;
  for (;;) {
    const std::size_t start = text.size();
    if (!lines_->append_line(text, options_.limit_bytes)) return !text.empty();
    const bool blank = is_blank(std::string_view(text).substr(start));
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

}  // namespace stemma
