// A trained model of the Llama layout: karpathy/tinyllamas' stories260K must tell the story that
// llama2.c tells. The weights are read from llama2.c's own file, written as a Hugging Face folder
// and opened again, so that names, joined matrices and the order of rotated pairs are tested with
// it.
#include <cstring>
#include <fstream>
#include <iterator>

#include "checkpoint/export.h"
#include "models/family.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/support.h"

namespace stemma::golden {
namespace {

std::string bytes_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// llama2.c's version 0: seven i32 sizes, then f32 tensors, each over all layers.
class StoriesFile {
 public:
  explicit StoriesFile(const fs::path& path) : bytes_(bytes_of_file(path)) {
    std::int32_t sizes[7];
    std::memcpy(sizes, bytes_.data(), sizeof sizes);
    config_ = family_named("llama").defaults();
    config_.channels = sizes[0];
    config_.hidden = sizes[1];
    config_.layers = sizes[2];
    config_.heads = sizes[3];
    config_.kv_heads = sizes[4];
    config_.vocab = sizes[5];
    config_.context = sizes[6];
  }

  const ModelConfig& config() const { return config_; }

  std::vector<checkpoint::NamedTensor> parameters() {
    const std::int64_t c = config_.channels, f = config_.hidden, layers = config_.layers;
    const std::int64_t kv = config_.groups() * config_.head_size();
    at_ = 7 * sizeof(std::int32_t);
    put("embedding.tokens", take({config_.vocab, c}));
    const auto each = [&](Shape shape) {
      std::vector<Tensor> list;
      for (std::int64_t layer = 0; layer < layers; ++layer) list.push_back(take(shape));
      return list;
    };
    const auto norm1 = each({c}), q = each({c, c}), k = each({kv, c}), v = each({kv, c}),
               out = each({c, c}), norm2 = each({c}), gate = each({f, c}), down = each({c, f}),
               up = each({f, c});
    for (std::size_t i = 0; i < q.size(); ++i) {
      const std::string block = "blocks." + std::to_string(i) + ".";
      put(block + "norm1.gain", norm1[i]);
      put(block + "attention.qkv.weight",
          joined({apart(q[i], config_.heads), apart(k[i], config_.groups()), v[i]}));
      put(block + "attention.out.weight", out[i]);
      put(block + "norm2.gain", norm2[i]);
      put(block + "feed_forward.gate_up.weight", joined({gate[i], up[i]}));
      put(block + "feed_forward.down.weight", down[i]);
    }
    put("final_norm.gain", take({c}));
    return std::move(list_);
  }

 private:
  void put(const std::string& name, Tensor tensor) { list_.push_back({name, std::move(tensor)}); }
  Tensor take(Shape shape) {
    const Tensor t = Tensor::empty(shape, DType::f32);
    const auto size = static_cast<std::size_t>(t.elements()) * sizeof(float);
    std::memcpy(t.raw(), bytes_.data() + at_, size);
    at_ += size;
    return t;
  }
  static Tensor joined(const std::vector<Tensor>& parts) {
    std::int64_t rows = 0;
    for (const Tensor& part : parts) rows += part.rows();
    const Tensor whole = Tensor::empty({rows, parts.front().cols()}, DType::f32);
    float* to = whole.data<float>();
    for (const Tensor& part : parts) to = std::copy_n(part.data<float>(), part.elements(), to);
    return whole;
  }
  // llama2.c rotates neighbouring rows of a head, Hugging Face's layout rows that lie D/2 apart.
  static Tensor apart(const Tensor& rows, std::int64_t heads) {
    const Tensor result = Tensor::empty(rows.shape(), DType::f32);
    const std::int64_t size = rows.rows() / heads, c = rows.cols();
    for (std::int64_t row = 0; row < rows.rows(); ++row) {
      const std::int64_t d = row % size, to = row - d + d / 2 + (d % 2) * (size / 2);
      std::copy_n(rows.data<float>() + row * c, c, result.data<float>() + to * c);
    }
    return result;
  }

  std::string bytes_;
  std::size_t at_ = 0;
  ModelConfig config_;
  std::vector<checkpoint::NamedTensor> list_;
};

// tok512.bin: an i32, then for each token an f32 score, an i32 length and its bytes.
std::vector<std::string> read_tokens(const fs::path& path) {
  const std::string bytes = bytes_of_file(path);
  std::vector<std::string> tokens;
  for (std::size_t at = 4; at + 8 <= bytes.size();) {
    std::int32_t length = 0;
    std::memcpy(&length, bytes.data() + at + 4, sizeof length);
    tokens.push_back(bytes.substr(at + 8, static_cast<std::size_t>(length)));
    at += 8 + static_cast<std::size_t>(length);
  }
  return tokens;
}

// As llama2.c prints: no blank behind the begin token, "<0x0A>" is a byte.
std::string text_of(const std::vector<std::int32_t>& ids, const std::vector<std::string>& tokens) {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string& piece = tokens.at(static_cast<std::size_t>(ids[i]));
    if (piece.size() == 6 && piece.starts_with("<0x"))
      text += static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16));
    else
      text += i == 0 && piece.starts_with(' ') ? piece.substr(1) : piece;
  }
  return text;
}

TEST(Stories260K, TellsTheStoryOfLlama2C) {
  const fs::path folder = shared_model("stories260K");
  SKIP_WITHOUT(folder, "stories260K");
  StoriesFile file(folder / "stories260K.bin");
  const TemporaryFolder scratch;
  checkpoint::ConfigFile config;
  config.model = file.config();
  const auto parameters = file.parameters();
  checkpoint::export_model(scratch / "hf", {.config = config, .parameters = parameters});
  for (const char* weights : {"f32", "bf16"}) {
    infer::ModelOptions options;
    options.path = scratch / "hf";
    options.precision = "f32";
    options.weights = weights;
    const auto model = infer::LoadedModel::open(options);
    const std::string story = text_of(greedy(model, {1}, 200), read_tokens(folder / "tok512.bin"));
    const std::string expected = bytes_of_file(folder / "expected_greedy_200.txt");
    if (options.weights == "f32")
      EXPECT_EQ(story, expected);
    else  // rounded weights tell the same beginning
      EXPECT_EQ(story.substr(0, 100), expected.substr(0, 100));
  }
}

}  // namespace
}  // namespace stemma::golden
