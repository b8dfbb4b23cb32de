// Any bytes as each kind of text file: an Error or documents. The first byte chooses the kind.
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "base/error.h"
#include "data/documents.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array kEndings{".jsonl", ".txt", ".json", ".txt.zst"};
  const std::string path =
      (std::filesystem::temp_directory_path() / ("stemma-jsonl-fuzz-" + std::to_string(::getpid())))
          .string() +
      kEndings[data[0] % kEndings.size()];
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  try {
    stemma::DocumentOptions options;
    options.group_bytes = 64;
    options.limit_bytes = 1 << 20;
    if (data[0] >= 128) options.bad_rows = "skip", options.document_mark = "anywhere";
    stemma::DocumentReader reader(stemma::find_text_files({path}), options);
    for (stemma::Document document; reader.next(document);)
      if (document.text.empty() || document.text.size() > options.limit_bytes) __builtin_trap();
  } catch (const stemma::Error&) {
    // Refusing is right; crashing is not.
  }
  std::remove(path.c_str());
  return 0;
}
