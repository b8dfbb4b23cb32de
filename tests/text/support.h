// What the tests of text/ share.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/split/splitter.h"
#include "text/tokenizer.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::test {

using Ids = std::vector<std::int32_t>;

// A file of ../shared; empty where it is missing.
inline std::filesystem::path shared(const std::string& name) {
  const char* folder = std::getenv("STEMMA_SHARED");
  const std::filesystem::path path =
      std::filesystem::path(folder != nullptr ? folder : STEMMA_SOURCE_DIR "/../shared") / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

inline std::string fixture(const std::string& name) {
  return read_file(std::filesystem::path(STEMMA_SOURCE_DIR) / "tests/text/fixtures" / name);
}

inline Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  tokenizer.encode(text, ids);
  return ids;
}

inline Ids ids_of(const Json& list) {
  Ids ids;
  for (const Json& id : list.as_array()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
  return ids;
}

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::vector<std::string> pieces(const split::Splitter& splitter, std::string_view text,
                                       std::size_t batch = 7) {
  std::vector<std::string> result;
  std::vector<std::size_t> ends(batch);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t count = splitter.split(text, begin, ends);
    for (std::size_t i = 0; i < count; ++i) {
      result.emplace_back(text.substr(begin, ends[i] - begin));
      begin = ends[i];
    }
  }
  return result;
}

// Random text of the given parts, each as likely as the others.
inline std::string random_text(std::mt19937& random, const std::vector<std::string>& parts,
                               int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += parts[random() % parts.size()];
  return text;
}

inline std::string random_bytes(std::mt19937& random, std::size_t count) {
  std::string text(count, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

// The 256 bytes with ids in their order in files, then the results of `merges`, then <|end|>.
inline bpe::BpeVocabulary small_vocabulary(
    const std::vector<std::pair<std::string, std::string>>& merges) {
  bpe::VocabularyBuilder builder("test", {merges.size() + 257, merges.size()});
  std::int64_t id = 0;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  for (const auto& [left, right] : merges) builder.add_token(left + right, id++);
  for (const auto& [left, right] : merges) builder.add_merge(left, right);
  builder.add_special("<|end|>", id);
  return builder.finish();
}

}  // namespace stemma::test
