#include "data/inspect.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "data/dataset.h"
#include "text/fingerprint.h"

namespace stemma {
namespace {

constexpr std::int64_t kSampleTokens = 64;
constexpr std::size_t kSampleBytes = 400;

// At most kSampleBytes, without the start of a UTF-8 character that does not fit.
std::string sample_of(std::string_view text) {
  if (text.size() <= kSampleBytes) return std::string(text);
  std::size_t end = kSampleBytes;
  while (end > kSampleBytes - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

void count_length(SplitInspection& found, std::uint64_t length) {
  found.shortest = found.documents == 0 ? length : std::min(found.shortest, length);
  found.longest = std::max(found.longest, length);
  ++found.documents;
}

SplitInspection inspect_split(const Split& split, const char* name, const Tokenizer* tokenizer) {
  SplitInspection found;
  found.name = name;
  found.tokens = split.tokens();
  found.text_bytes = split.text_bytes();
  found.files = split.shards();
  const std::int64_t separators = split.info().separator ? 1 : 0;
  for (std::int64_t d = 0; d < split.documents(); ++d)
    count_length(found, static_cast<std::uint64_t>(split.document_begin(d + 1) -
                                                   split.document_begin(d) - separators));
  if (found.documents == 0) return found;
  const std::int64_t first = split.document_begin(1) - separators;
  found.sample_ids.resize(static_cast<std::size_t>(std::min(first, kSampleTokens)));
  split.read(separators, found.sample_ids);
  if (tokenizer) found.sample_text = sample_of(tokenizer->decode(found.sample_ids));
  return found;
}

DataInspection inspect_packed(const std::filesystem::path& folder, const Tokenizer* tokenizer) {
  const Dataset data = Dataset::open(folder);
  const Manifest& manifest = data.manifest();
  const std::uint64_t fingerprint = manifest.info.tokenizer_fingerprint;
  if (tokenizer && tokenizer_fingerprint(*tokenizer) != fingerprint)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] {} was packed with another tokenizer; use the one in {}",
                            folder.string(), data.tokenizer_folder().string()));
  DataInspection found;
  found.packed = true;
  found.vocab_size = manifest.info.vocab_size;
  found.separator = manifest.info.separator;
  found.tokenizer_fingerprint = fmt::format("{:016x}", fingerprint);
  found.tokenizer_folder = data.tokenizer_folder();
  found.note = manifest.note;
  found.splits = {inspect_split(*data.train(), "train", tokenizer),
                  inspect_split(*data.validation(), "validation", tokenizer)};
  return found;
}

}  // namespace

DataInspection inspect_dataset(const std::filesystem::path& path, const Tokenizer* tokenizer,
                               const DocumentOptions& options) {
  if (is_packed(path)) return inspect_packed(path, tokenizer);
  DocumentReader reader(find_documents({path}, options), options);
  SplitInspection text;
  text.name = "text";
  for (Document document; reader.next(document);) {
    if (text.documents == 0) text.sample_text = sample_of(document.text);
    text.text_bytes += document.text.size();
    count_length(text, document.text.size());
  }
  text.files = reader.found().files.size();  // less what was left out
  log_reading(reader);
  if (text.documents == 0)
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[data] {} holds no text; name a file or folder that has some", path.string()));
  DataInspection found;
  found.splits = {text};
  return found;
}

}  // namespace stemma
