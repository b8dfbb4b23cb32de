#include "text/files/text_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "text/unicode/utf8.h"

namespace stemma::tokenizer_files {

std::string read_tokenizer_file(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxFileBytes = 256u << 20;
  try {
    return read_file(path, kMaxFileBytes);
  } catch (const Error& error) {
    // The size is a fault of the file here, not of the caller.
    if (error.code() == ErrorCode::invalid_argument) throw Error(ErrorCode::corrupt, error.what());
    throw;
  }
}

void remove_other_tokenizer_files(const std::filesystem::path& folder,
                                  std::initializer_list<std::string_view> written) {
  std::error_code error;  // one that cannot be removed is no reason to fail: the others are whole
  for (const std::string_view name : {"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt",
                                      "chat_template.jinja", "added_tokens.json"})
    if (std::ranges::find(written, name) == written.end())
      std::filesystem::remove(folder / name, error);
}

void check_utf8(std::string_view text, const std::string& where) {
  if (!unicode::is_valid_utf8(text))
    throw Error(ErrorCode::corrupt,
                fmt::format("[{}] must be UTF-8, which it is not; save it as UTF-8", where));
}

void check_plain_text(std::string_view text, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[{}] {}; save the file as UTF-8 without a byte order mark", where, what));
  };
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) fail("the file is UTF-16");
  if (text.starts_with("\xEF\xBB\xBF")) fail("the file begins with a byte order mark");
  if (const std::size_t at = text.find('\0'); at != text.npos)
    fail(fmt::format("line {} holds a NUL byte", 1 + std::ranges::count(text.substr(0, at), '\n')));
}

}  // namespace stemma::tokenizer_files
