// Any bytes as tokenizer_config.json, special_tokens_map.json and added_tokens.json: an Error, or
// settings, with which a small tokenizer can be made, used and written, or refused.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/files/hugging_face.h"
#include "text/special_encoder.h"
#include "text/unicode/byte_alphabet.h"

namespace {

using namespace stemma;

const std::string& small_vocab() {
  static const std::string vocab = [] {
    Json all = Json::object();
    int id = 0;
    for (const std::uint8_t byte : unicode::byte_alphabet_order())
      all.set(unicode::to_byte_alphabet(std::string(1, static_cast<char>(byte))), id++);
    all.set("ab", id++);
    all.set("<s>", id++);
    return all.dump();
  }();
  return vocab;
}

void check(const tokenizer_files::FolderSettings& settings) {
  const auto tokenizer =
      tokenizer_files::parse_vocab_and_merges({small_vocab(), "a b\n", settings}, "fuzz/");
  const std::string text = "ab <s> c";
  std::vector<std::int32_t> ids;
  tokenizer->encode(text, ids);
  ids = tokenizer->frame(ids).ids;
  std::string decoded;
  tokenizer->decode(ids, decoded);
  const std::size_t boundary = tokenizer->last_boundary(text);
  if (boundary > text.size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto file : {tokenizer_files::SettingsFile::tokenizer_config,
                          tokenizer_files::SettingsFile::special_tokens_map})
    try {
      tokenizer_files::FolderSettings settings;
      tokenizer_files::add_settings(text, "fuzz", file, settings);
      check(settings);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
        __builtin_trap();
    }
  try {
    tokenizer_files::FolderSettings settings;
    tokenizer_files::add_added_tokens(text, "fuzz", settings);
    check(settings);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}
