// Any bytes as a token shard: an Error or a shard that can be read to its end.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "base/error.h"
#include "data/shards.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path =
      (std::filesystem::temp_directory_path() / ("stemma-shard-fuzz-" + std::to_string(::getpid())))
          .string();
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  // Without the checksum the fuzzer gets past the header, with it the whole check runs.
  for (const bool check_contents : {false, true}) {
    try {
      const stemma::TokenShard shard(path, check_contents);
      std::vector<std::int32_t> ids(static_cast<std::size_t>(shard.tokens()));
      for (std::int64_t d = 0; d < shard.documents(); ++d) shard.copy(shard.document_begin(d), {});
      shard.copy(0, ids);
    } catch (const stemma::Error&) {
      // Refusing is right; crashing is not.
    }
  }
  std::remove(path.c_str());
  return 0;
}
