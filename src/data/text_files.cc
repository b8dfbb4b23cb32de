#include "data/text_files.h"

#include <algorithm>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "data/byte_source.h"
#include "data/pipe.h"
#include "data/text_content.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;

bool begins_with_bracket(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '[';
}

// Text by content, but not a text to learn from.
std::string refusal_of_name(const std::string& extension) {
  if (extension == ".toml")
    return "a recipe is named before the options: stemma train RECIPE.toml --data ...";
  if (extension == ".tokens")
    return "packed data are opened by their folder, the one with dataset.json";
  return {};
}

TextFile piped(const fs::path& path, std::string text) {
  const std::uint64_t bytes = text.size();
  return {
      .path = path, .bytes = bytes, .piped = std::make_shared<const std::string>(std::move(text))};
}

TextFile standard_input() { return piped("-", read_pipe("-")); }

// Throws not_found, device.
TextFile file_of(const fs::path& path) {
  std::error_code failure;
  if (fs::is_regular_file(path, failure))
    return {.path = path, .bytes = fs::file_size(path, failure), .piped = nullptr};
  if (fs::is_directory(path, failure))
    throw Error(ErrorCode::not_found,
                fmt::format("[data] {}: a file is wanted, this is a folder", path.string()));
  return piped(path, read_pipe(path));
}

class Finder {
 public:
  explicit Finder(const FindOptions& options) : options_(options) {}

  void add(const fs::path& path) {
    std::error_code failure;
    if (path == "-") {
      take(standard_input());
    } else if (fs::is_symlink(path, failure) && !fs::exists(path, failure)) {
      throw Error(ErrorCode::not_found,
                  fmt::format("[data] {} is {}", path.string(), missing_target(path)));
    } else if (!fs::exists(path, failure)) {
      throw Error(ErrorCode::not_found,
                  fmt::format("[data] {}: no such file or folder", path.string()));
    } else if (fs::is_directory(path, failure)) {
      add_folder(path);
    } else {
      take(file_of(path));
    }
  }
  TextFiles take_result() { return std::move(found_); }

 private:
  static std::string missing_target(const fs::path& link) {
    std::error_code failure;
    return fmt::format("a link to {} that does not exist",
                       fs::read_symlink(link, failure).string());
  }

  // Why a file is left out; empty: it is text, and `file` says how to read it.
  std::string refusal_of(TextFile& file) {
    const std::string extension = text_extension(file.path);
    if (std::string refusal = refusal_of_name(extension); !refusal.empty()) return refusal;
    std::string begin(kLookBytes, '\0');
    const auto source = ByteSource::open(file);
    begin.resize(source->read(begin.data(), begin.size()));
    file.json_lines = extension == ".jsonl" || extension == ".ndjson";
    file.encoding = source->encoding();
    if (TextContent content = look_at(begin, file.json_lines); !content.refusal.empty())
      return content.refusal;
    const bool rows = file.json_lines || is_json_lines(begin);
    if (extension == ".json" && !rows)
      return fmt::format(
          "one JSON value, not rows: write it as JSON lines (jq -c {} FILE > rows.jsonl)",
          begins_with_bracket(begin) ? "'.[]'" : ".");
    if (!rows) return {};
    const FirstRow first = first_row(begin, options_.text_field);
    const bool named_as_rows = file.json_lines || extension == ".json" || extension.empty();
    file.json_lines = file.json_lines || extension == ".json" || first == FirstRow::with_field ||
                      (extension.empty() && first == FirstRow::without_field);
    if (!named_as_rows && first != FirstRow::damaged)
      (file.json_lines ? found_.rows_by_content : found_.rows_read_as_text).push_back(file.path);
    // Where it was named, its reader says which row.
    if (file.json_lines && !file.named && first == FirstRow::without_field)
      return fmt::format("rows of JSON without a field '{}' (--text-field)", options_.text_field);
    return {};
  }

  // A file that was named.
  void take(TextFile file) {
    if (const std::string refusal = refusal_of(file); !refusal.empty())
      throw Error(ErrorCode::unsupported, fmt::format("[data] {} cannot be read as text: it is {}",
                                                      file.path.string(), refusal));
    found_.files.push_back(std::move(file));
  }

  void leave_out(const fs::path& path, std::string reason) {
    if (options_.strict)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[data] {} cannot be read as text: it is {}", path.string(), reason));
    found_.left_out.push_back({path, std::move(reason)});
  }

  // The shards of `data pack`, and the tokenizer beside them.
  static bool is_packed_data(const fs::path& folder) {
    std::error_code failure;
    return fs::exists(folder / "dataset.json", failure) &&
           fs::exists(folder / "tokenizer", failure);
  }

  void add_folder(const fs::path& folder) {
    if (is_packed_data(folder))
      throw Error(ErrorCode::unsupported,
                  fmt::format("[data] {} holds packed data, tokens and no text: `train --data` and "
                              "`data inspect --input` take it, and the only one that is named",
                              folder.string()));
    const std::size_t files = found_.files.size(), others = found_.left_out.size();
    std::set<fs::path> outer;
    walk(folder, outer);
    if (found_.files.size() > files || found_.left_out.size() == others) return;
    const LeftOut& first = found_.left_out[others];
    throw Error(ErrorCode::unsupported,
                fmt::format("[data] {}: none of its {} files is text; {} is {}", folder.string(),
                            found_.left_out.size() - others, first.path.string(), first.reason));
  }

  // `outer`: the folders that this one lies in, without links; one of them again is a loop.
  void walk(const fs::path& folder, std::set<fs::path>& outer) {
    std::error_code failure;
    if (is_packed_data(folder)) return leave_out(folder, "packed data, tokens and no text");
    const fs::path real = fs::canonical(folder, failure);
    if (!failure && !outer.insert(real).second)
      return leave_out(folder, "a link to a folder that it lies in");
    std::vector<fs::path> names;
    fs::directory_iterator entry(folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure))
      if (entry->path().filename().string().starts_with('.'))
        ++found_.hidden;
      else
        names.push_back(entry->path());
    if (failure)
      throw Error(ErrorCode::device, fmt::format("[data] {}: the folder cannot be read: {}",
                                                 folder.string(), failure.message()));
    std::sort(names.begin(), names.end());
    for (const fs::path& path : names) {
      if (fs::is_directory(path, failure))
        walk(path, outer);
      else if (!fs::exists(path, failure))
        leave_out(path, missing_target(path));
      else if (!fs::is_regular_file(path, failure))
        leave_out(path, "no regular file");
      else
        look(path);
    }
    outer.erase(real);
  }

  void look(const fs::path& path) {
    TextFile file = file_of(path);
    file.named = false;
    std::string refusal;
    try {
      refusal = refusal_of(file);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt) throw;
      refusal = fmt::format("damaged: {}", error.what());
    }
    if (!refusal.empty()) return leave_out(path, std::move(refusal));
    found_.files.push_back(std::move(file));
  }

  FindOptions options_;
  TextFiles found_;
};

}  // namespace

std::string text_extension(const fs::path& path) {
  const fs::path name = path.filename();
  const std::string extension = lower_extension(name);
  return extension == ".gz" || extension == ".zst" ? lower_extension(name.stem()) : extension;
}

std::string read_pipe(const fs::path& path) {
  constexpr std::size_t kBlock = 256 << 10;
  Pipe pipe(path);
  std::string text;
  for (std::size_t have = 0;;) {
    text.resize(have + kBlock);
    const std::size_t got = pipe.read(text.data() + have, kBlock);
    have += got;
    text.resize(have);
    if (got == 0) return text;
  }
}

TextFiles find_text_files(const std::vector<fs::path>& paths, const FindOptions& options) {
  Finder finder(options);
  for (const fs::path& path : paths) finder.add(path);
  return finder.take_result();
}

TextFile open_any_text(const fs::path& path, Rows rows) {
  TextFile file = path == "-" ? standard_input() : file_of(path);
  std::string begin(kLookBytes, '\0');
  begin.resize(ByteSource::open(file)->read(begin.data(), begin.size()));
  if (const TextContent content = look_at(begin); !content.refusal.empty())
    log_warning(fmt::format("[data] {} looks like {}", path.string(), content.refusal));
  if (rows == Rows::as_text && is_json_lines(begin) &&
      first_row(begin, FindOptions().text_field) == FirstRow::with_field)
    log_warning(fmt::format("[data] {} is read as it stands, the JSON of its rows among the text",
                            path.string()));
  return file;
}

std::string read_any_text(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;
  const TextFile file = open_any_text(path);
  std::string text = read_text(file, kMostBytes);
  if (text.size() != file.bytes)
    log_info(fmt::format("{}: {} on disk are {} of UTF-8 text", path.string(),
                         format_bytes(file.bytes), format_bytes(text.size())));
  if (const CharacterCount count = count_characters(text); count.damaged > 0)
    log_warning(fmt::format("[data] {}: {} of its {} characters are not UTF-8 and stay as they are",
                            path.string(), count.damaged, count.characters));
  return text;
}

std::string describe_left_out(const TextFiles& found) {
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, found.left_out.size()); ++i)
    text += fmt::format("{}{} ({})", i ? ", " : "", found.left_out[i].path.string(),
                        found.left_out[i].reason);
  if (found.left_out.size() > kShown)
    text += fmt::format(" and {} more", found.left_out.size() - kShown);
  return text.empty() ? text : fmt::format("left out {}: {}", found.left_out.size(), text);
}

void log_found(const TextFiles& found) {
  std::vector<std::string> converted;
  for (const TextFile& file : found.files)
    if (file.encoding != TextEncoding::utf8)
      converted.push_back(fmt::format("{} from {}", file.path.string(), name_of(file.encoding)));
  if (const auto& rows = found.rows_by_content; !rows.empty())
    log_info(fmt::format("{}{}: read as JSON lines, which its content is", rows.front().string(),
                         rows.size() == 1 ? "" : fmt::format(" and {} more", rows.size() - 1)));
  if (const auto& rows = found.rows_read_as_text; !rows.empty())
    log_warning(
        fmt::format("[data] {}{} looks like JSON lines and is read as plain text, the JSON "
                    "among it; --text-field names the field that holds the text",
                    rows.front().string(),
                    rows.size() == 1 ? "" : fmt::format(" and {} more", rows.size() - 1)));
  if (found.hidden > 0)
    log_info(fmt::format("passed over {} hidden {} (a dot begins the name)", found.hidden,
                         found.hidden == 1 ? "entry" : "entries"));
  if (!converted.empty())
    log_info(fmt::format(
        "converted to UTF-8: {}{}", converted.front(),
        converted.size() == 1 ? "" : fmt::format(" and {} more", converted.size() - 1)));
  if (const std::string text = describe_left_out(found); !text.empty())
    log_warning(fmt::format("[data] {}", text));
}

}  // namespace stemma
