#include "text/characters/vocab_txt.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "text/files/text_file.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::characters {
namespace {

bool is_wordpiece(std::string_view text) {
  for (const char* sign : {"\n##", "[CLS]", "[UNK]"})
    if (text.find(sign) != text.npos) return true;
  return false;
}

// What must not stand in a line as it is.
bool needs_code_point(char32_t c) {
  return unicode::char_class(c) == unicode::CharClass::space || c < 0xA0 || c == 0xFEFF;
}

std::string line_of(std::string_view token) {
  if (token.size() == 1)
    return token[0] > ' ' && token[0] <= '~' ? std::string(token) : byte_name(token[0]);
  char32_t c = 0;
  unicode::decode_utf8(token, c);
  return needs_code_point(c) ? fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(c))
                             : std::string(token);
}

// Throws where the line is no token.
void add_line(std::string_view line, std::int64_t id, bpe::VocabularyBuilder& builder,
              const auto& fail) {
  char32_t c = 0;
  const std::size_t length = unicode::decode_utf8(line, c);
  if (line.empty()) fail("is empty");
  if (!unicode::is_valid_utf8(line)) fail("is not UTF-8; save the file as UTF-8");
  if (length == line.size()) return builder.add_token(line, id);
  if (const std::string bytes = escaped_bytes(line); !bytes.empty())
    return builder.add_token(bytes, id);
  if (!bpe::has_special_form(line))
    fail("must be one character, a byte <0x0A>, a code point <U+00A0> or a special token <...>");
  builder.add_special(line, id);
}

}  // namespace

std::string byte_name(char byte) {
  return fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte));
}

std::string escaped_bytes(std::string_view token) {
  if (!token.ends_with('>') || token.size() < 6) return {};
  const bool is_byte = token.starts_with("<0x");
  if (!is_byte && !token.starts_with("<U+")) return {};
  const std::string_view digits = token.substr(3, token.size() - 4);
  if (is_byte ? digits.size() != 2 : digits.size() < 4 || digits.size() > 6) return {};
  std::uint32_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, problem] = std::from_chars(digits.data(), end, value, 16);
  if (problem != std::errc() || stopped != end) return {};
  if (is_byte) return std::string(1, static_cast<char>(value));
  return unicode::is_scalar_value(value) ? unicode::to_utf8(value) : std::string();
}

std::shared_ptr<const CharTokenizer> parse_vocab_txt(std::string_view text,
                                                     const std::string& where,
                                                     std::string_view eos_name) {
  tokenizer_files::check_plain_text(text, where);
  bpe::VocabularyBuilder builder(
      where, {.tokens = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1});
  tokenizer_files::LineReader lines(text);
  const auto fail = [&](const char* what) {
    if (is_wordpiece(text))
      throw Error(
          ErrorCode::unsupported,
          fmt::format("[{}] this is a WordPiece vocabulary (BERT's), not one of single characters",
                      where));
    throw Error(ErrorCode::corrupt, fmt::format("[{}] line {} {}", where, lines.number(), what));
  };
  for (std::string_view line; lines.next(line);)
    add_line(line, static_cast<std::int64_t>(lines.number()) - 1, builder, fail);
  return std::make_shared<CharTokenizer>(builder.finish(), eos_name);
}

void save_vocab_txt(const CharTokenizer& tokenizer, const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] a vocab.txt cannot hold this: {}", path.string(), what));
  };
  const lookup::TokenList& tokens = tokenizer.tokens();
  std::vector<std::string> written(tokens.size());
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    if (!bpe::has_special_form(name) || name.find_first_of("\r\n") != name.npos ||
        !escaped_bytes(name).empty())
      refuse(fmt::format("special token {} is not written <...>", id));
    written[id] = name;
  }
  std::string text;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) refuse(fmt::format("id {} has no token", id));
    text += (written[id].empty() ? line_of(tokens[id]) : written[id]) + "\n";
  }
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace stemma::characters
