#include "text/gpt2.h"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <zstd.h>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face.h"

// The compressed merges (tables/README.md) as they lie in the source tree.
__asm__(
    ".pushsection .rodata, \"a\"\n"
    ".global stemma_gpt2_merges\n"
    ".global stemma_gpt2_merges_end\n"
    "stemma_gpt2_merges:\n"
    ".incbin \"" STEMMA_GPT2_MERGES
    "\"\n"
    "stemma_gpt2_merges_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char stemma_gpt2_merges[];
extern "C" const char stemma_gpt2_merges_end[];

namespace stemma {
namespace {

std::string merges_text() {
  const auto size = static_cast<std::size_t>(stemma_gpt2_merges_end - stemma_gpt2_merges);
  const unsigned long long whole = ZSTD_getFrameContentSize(stemma_gpt2_merges, size);
  std::string text(whole < (1u << 20) ? whole : 0, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), stemma_gpt2_merges, size);
  if (ZSTD_isError(got) || got != text.size() || text.empty())
    throw Error(ErrorCode::internal, "[gpt2] the vocabulary inside this program is damaged");
  return text;
}

}  // namespace

std::shared_ptr<const BpeTokenizer> gpt2_tokenizer() {
  const auto merges = parse_merges(merges_text(), "gpt2");
  VocabularyBuilder builder("gpt2", {merges.size() + 257, merges.size()});
  std::int32_t id = 0;
  for (const std::uint8_t byte : byte_alphabet_order())
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  for (const auto& [left, right] : merges) builder.add_token(left + right, id++);
  for (const auto& [left, right] : merges) builder.add_merge(left, right);
  builder.add_special("<|endoftext|>", id);
  return make_gpt2_tokenizer(builder.finish());
}

}  // namespace stemma
