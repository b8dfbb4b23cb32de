#include "text/tokenizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "base/suggest.h"
#include "text/characters/char_tokenizer.h"
#include "text/characters/vocab_txt.h"
#include "text/files/hugging_face.h"
#include "text/files/published.h"
#include "text/files/text_file.h"
#include "text/files/tiktoken_file.h"
#include "text/frame.h"
#include "text/wordpiece/files.h"

namespace stemma {

std::size_t Tokenizer::last_boundary(std::string_view) const { return 0; }

bool Tokenizer::has_token(std::int32_t id) const {
  try {
    bytes_of(id);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void Tokenizer::decode(std::span<const std::int32_t> ids, std::string& text) const {
  for (const std::int32_t id : ids) text += bytes_of(id);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  decode(ids, text);
  return text;
}

Framed Tokenizer::frame(std::span<const std::int32_t> first) const { return frame(first, {}); }

Framed Tokenizer::frame(std::span<const std::int32_t> first,
                        std::span<const std::int32_t> second) const {
  return framed(plain_frame().pair, first, second);
}

namespace {

constexpr std::string_view kDefaultName = "gpt2";

// Null where no built-in encoding has this name.
std::shared_ptr<const Tokenizer> built_in_tokenizer(std::string_view name) {
  if (auto gpt1 = tokenizer_files::published_gpt1(name)) return gpt1;
  if (name == "bytes") return characters::byte_tokenizer();
  return tokenizer_files::published_tokenizer(name);
}

}  // namespace

std::string_view default_tokenizer_name() { return kDefaultName; }

std::shared_ptr<const Tokenizer> default_tokenizer() { return built_in_tokenizer(kDefaultName); }

bool has_tokenizer(const std::filesystem::path& folder) {
  const auto has = [&](const char* name) { return std::filesystem::exists(folder / name); };
  return has("tokenizer.json") || has("vocab.txt") || (has("vocab.json") && has("merges.txt")) ||
         (has("encoder_bpe_40000.json") && has("vocab_40000.bpe"));
}

namespace {

// Whether a folder holds anything of a tokenizer, whole or not.
bool may_be_tokenizer(const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
                           "vocab.txt", "encoder_bpe_40000.json", "dataset.json", "checkpoints"})
    if (std::filesystem::exists(folder / name)) return true;
  return false;
}

}  // namespace

std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& source) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(source, error);
  const bool on_disk =
      is_folder ? may_be_tokenizer(source) : std::filesystem::exists(source, error);
  if (auto built_in = built_in_tokenizer(source)) {
    if (on_disk)
      log_info(fmt::format("{}: the one in this folder, not the built-in encoding of that name",
                           source));
    else if (is_folder)
      log_info(fmt::format("{}: the built-in encoding; the folder of that name holds no tokenizer",
                           source));
    if (!on_disk) return built_in;
  }
  std::vector<std::string> names = tokenizer_files::published_names();
  names.emplace_back("bytes");
  if (!std::filesystem::exists(source, error))
    throw Error(ErrorCode::not_found,
                fmt::format("[tokenizer] '{}' is neither a folder, a file (tokenizer.json, "
                            "*.tiktoken, vocab.txt) nor the name of a built-in encoding ({}){}",
                            source, fmt::join(names, ", "), did_you_mean(source, names)));
  const std::filesystem::path path = source;
  if (path.extension() == ".tiktoken") return tokenizer_files::read_tiktoken(path);
  if (path.extension() == ".txt" && !std::filesystem::is_directory(path)) {
    const std::string text = tokenizer_files::read_tokenizer_file(path);
    if (wordpiece::is_wordpiece_txt(text))
      return wordpiece::parse_wordpiece_txt(
          text, source,
          wordpiece::settings_of(tokenizer_files::read_folder_settings(path.parent_path()),
                                 path.parent_path().string()));
    return characters::parse_vocab_txt(text, source);
  }
  return tokenizer_files::read_hugging_face(path);
}

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& path) {
  const auto refuse = [&](const char* what) {
    throw Error(ErrorCode::unsupported,
                fmt::format("[tokenizer] {} cannot be written: {}; write a folder instead",
                            path.string(), what));
  };
  if (path.extension() == ".tiktoken") {
    const auto* byte_level = dynamic_cast<const bpe::BpeTokenizer*>(&tokenizer);
    if (byte_level == nullptr) refuse("a .tiktoken file holds byte-level BPE only");
    tokenizer_files::save_tiktoken(*byte_level, path);
  } else if (path.extension() == ".txt") {
    if (const auto* pieces = dynamic_cast<const wordpiece::WordPieceTokenizer*>(&tokenizer))
      return wordpiece::save_wordpiece_txt(pieces->vocabulary(), path);
    const auto* by_character = dynamic_cast<const characters::CharTokenizer*>(&tokenizer);
    if (by_character == nullptr)
      refuse("a vocab.txt holds single characters and bytes, or WordPiece, only");
    characters::save_vocab_txt(*by_character, path);
  } else {
    if (path.extension() == ".json" || (exists(path) && !is_directory(path)))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[tokenizer] {} is no folder: a tokenizer is written as a folder, as "
                              "*.tiktoken or as *.txt",
                              path.string()));
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
      throw Error(ErrorCode::device, fmt::format("[tokenizer] cannot create the folder {}: {}",
                                                 path.string(), error.message()));
    tokenizer.save(path);
  }
}

}  // namespace stemma
