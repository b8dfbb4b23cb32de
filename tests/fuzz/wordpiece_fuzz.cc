// Any bytes as the files of a WordPiece tokenizer, then as text: what stands before the first NUL
// is tokenizer.json (where it begins with a brace) or vocab.txt, between the first and the second
// tokenizer_config.json. An Error, or a tokenizer whose ids are in range, decode, and do not depend
// on where the text is cut. The text also goes through a small vocabulary in every setting.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/wordpiece/files.h"

namespace {

using namespace stemma;

void check_text(const wordpiece::WordPieceTokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  for (const std::int32_t id : ids)
    if (id < 0 || id >= tokenizer.vocab_size()) __builtin_trap();
  for (const auto& [name, id] : tokenizer.special_tokens())
    if (id != tokenizer.vocabulary().unknown && std::ranges::find(ids, id) != ids.end())
      __builtin_trap();
  tokenizer.decode(ids);
  const std::size_t boundary = tokenizer.last_boundary(text.substr(0, text.size() / 2));
  std::vector<std::int32_t> parts;
  tokenizer.encode(text.substr(0, boundary), parts);
  tokenizer.encode(text.substr(boundary), parts);
  if (parts != ids) __builtin_trap();
  if (tokenizer.frame(ids).ids.size() < ids.size()) __builtin_trap();
}

void check_settings(std::string_view text) {
  for (int bits = 0; bits < 16; ++bits) {
    wordpiece::Settings settings;
    settings.text = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    static const std::string vocabulary =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\nb\n##ba\n.\n\xE4\xB8\xAD\n##\xCC\x81\n";
    check_text(*wordpiece::parse_wordpiece_txt(vocabulary, "small", settings), text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\0'), size);
  const std::string_view vocabulary = text.substr(0, end);
  const std::string_view rest = text.substr(std::min(end + 1, size));
  check_settings(text);
  try {
    const std::string_view config = rest.substr(0, rest.find('\0'));
    tokenizer_files::FolderSettings folder;
    if (!config.empty())
      tokenizer_files::add_settings(config, "config",
                                    tokenizer_files::SettingsFile::tokenizer_config, folder);
    const wordpiece::Settings settings = wordpiece::settings_of(std::move(folder), "config");
    std::shared_ptr<const wordpiece::WordPieceTokenizer> tokenizer;
    if (vocabulary.starts_with('{'))
      tokenizer = wordpiece::read_wordpiece_json(Json::parse(vocabulary, "fuzz"), "fuzz", settings);
    else
      tokenizer = wordpiece::parse_wordpiece_txt(vocabulary, "fuzz", settings);
    check_text(*tokenizer, text);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
