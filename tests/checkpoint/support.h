// What the tests of this folder share: scratch folders, hand-made files, expected errors.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/safetensors_writer.h"
#include "models/family.h"
#include "models/model.h"
#include "tensor/tensor.h"

namespace stemma::checkpoint::testing {

namespace fs = std::filesystem;

// A fresh folder, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "stemma-checkpoint-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  fs::path operator/(std::string_view name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void put(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string get(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The bytes of a safetensors file, as the format describes them and without any check.
inline std::string file_bytes(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\x01');
}

inline std::span<const std::byte> as_file(std::string_view bytes) {
  return std::as_bytes(std::span(bytes));
}

// Expects Error{code} whose message has every one of the words.
template <class Call>
void expect_error(ErrorCode code, const std::vector<std::string>& words, Call&& call) {
  try {
    call();
    ADD_FAILURE() << "no error, expected " << ::testing::PrintToString(words);
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    for (const std::string& word : words)
      EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos)
          << "'" << word << "' is not in: " << error.what();
  }
}

// Different numbers everywhere: element i of a tensor of any shape is base + i / 64.
inline Tensor counting(Shape shape, float base) {
  Tensor t = Tensor::empty(shape, DType::f32);
  for (std::int64_t i = 0; i < t.elements(); ++i)
    t.data<float>()[i] = base + static_cast<float>(i) / 64;
  return t;
}

// The parameter of this name.
inline Tensor parameter(CheckpointSource& source, std::string_view name) {
  for (const nn::ParameterSpec& spec : parameters_of(source.config().model))
    if (spec.name == name) return source.load(spec).value();
  throw std::runtime_error("no such parameter");
}

inline std::vector<NamedTensor> counting_parameters(const ModelConfig& config) {
  std::vector<NamedTensor> all;
  float base = 1;
  for (const nn::ParameterSpec& spec : parameters_of(config)) {
    all.push_back({spec.name, counting(spec.shape, base)});
    base += 1000;
  }
  return all;
}

inline ModelConfig tiny_config(const std::string& family) {
  ModelConfig c = family_named(family).defaults();
  c.vocab = 11;
  c.context = 7;
  c.channels = 6;
  c.heads = 2;
  c.layers = 2;
  c.hidden = 24;
  if (family == "llama") {  // rotary positions need an even head size; grouped heads
    c.head_width = 4;
    c.kv_heads = 1;
  }
  return c;
}

inline bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.contiguous() && b.contiguous() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(),
                     static_cast<std::size_t>(a.elements()) * size_of(a.dtype())) == 0;
}

// A folder of the shared material; empty where it is missing.
inline fs::path shared_material(std::string_view name) {
  const char* root = std::getenv("STEMMA_SHARED");
  const fs::path path =
      (root ? fs::path(root) : fs::path(STEMMA_SOURCE_DIR) / ".." / "shared") / name;
  return fs::exists(path) ? path : fs::path();
}

}  // namespace stemma::checkpoint::testing
