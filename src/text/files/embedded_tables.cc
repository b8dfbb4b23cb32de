#include "text/files/embedded_tables.h"

#include <cstddef>

#include <zstd.h>

#include "base/embedded_file.h"
#include "base/error.h"

// The files as they lie in the source tree.
STEMMA_EMBED(stemma_gpt1_merges, STEMMA_TABLES "/gpt1_merges.txt.zst")
STEMMA_EMBED(stemma_gpt2_merges, STEMMA_TABLES "/gpt2_merges.txt.zst")
STEMMA_EMBED(stemma_cl100k_tokens, STEMMA_TABLES "/cl100k_tokens.zst")
STEMMA_EMBED(stemma_o200k_tokens, STEMMA_TABLES "/o200k_tokens.zst")

namespace stemma::tokenizer_files {
namespace {

std::string unpacked_table(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  const unsigned long long whole = ZSTD_getFrameContentSize(begin, size);
  std::string text(whole < (4u << 20) ? whole : 0, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), begin, size);
  if (ZSTD_isError(got) || got != text.size() || text.empty()) fail_damaged_table();
  return text;
}

}  // namespace

void fail_damaged_table() {
  throw Error(ErrorCode::internal, "[tokenizer] the vocabulary inside this program is damaged");
}

std::string embedded_table(EmbeddedTable table) {
  switch (table) {
    case EmbeddedTable::gpt1_merges:
      return unpacked_table(stemma_gpt1_merges, stemma_gpt1_merges_end);
    case EmbeddedTable::gpt2_merges:
      return unpacked_table(stemma_gpt2_merges, stemma_gpt2_merges_end);
    case EmbeddedTable::cl100k_tokens:
      return unpacked_table(stemma_cl100k_tokens, stemma_cl100k_tokens_end);
    case EmbeddedTable::o200k_tokens:
      return unpacked_table(stemma_o200k_tokens, stemma_o200k_tokens_end);
  }
  fail_damaged_table();
}

}  // namespace stemma::tokenizer_files
