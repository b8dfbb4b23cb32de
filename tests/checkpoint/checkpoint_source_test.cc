#include "checkpoint/checkpoint_source.h"

#include "checkpoint/export.h"
#include "checkpoint/transpose.h"
#include "kernels/elementwise.h"
#include "models/cost.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

double sum_of(const Tensor& t) {
  double sum = 0;
  for (std::int64_t i = 0; i < t.elements(); ++i) sum += static_cast<double>(t.data<float>()[i]);
  return sum;
}

// Values of a published or generated file, read with the Python package safetensors 0.8.
struct Golden {
  std::string name;          // ours
  std::int64_t row, column;  // in our layout; column -1: a vector
  float value;
  double sum;
};

void expect_golden(const fs::path& folder, const std::vector<Golden>& golden) {
  CheckpointSource source(folder, Memory::shared);
  for (const Golden& g : golden) {
    SCOPED_TRACE(g.name);
    const Tensor t = parameter(source, g.name);
    const std::int64_t cols = g.column < 0 ? 1 : t.dim(1);
    EXPECT_EQ(t.data<float>()[g.row * cols + (g.column < 0 ? 0 : g.column)], g.value);
    EXPECT_NEAR(sum_of(t), g.sum, 1e-9);
  }
  const ModelConfig& c = source.config().model;
  std::int64_t elements = 0;
  for (const nn::ParameterSpec& spec : parameters_of(c))
    elements += source.load(spec).value().elements();
  EXPECT_EQ(elements, ModelCost(c).parameters());
}

TEST(CheckpointSource, NanoSort) {
  const fs::path folder = shared_material("models/nano-sort/hf");
  if (folder.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/models/nano-sort/hf";
  const ModelConfig c = load_config(folder).model;
  EXPECT_FALSE(c.tied_head);
  EXPECT_FALSE(c.head_bias);
  EXPECT_EQ(ModelCost(c).parameters(), 85728);
  expect_golden(
      folder,
      {{"blocks.1.attention.qkv.weight", 7, 5, 0.02460690401494503f, -1.417976951390301},
       {"blocks.1.feed_forward.down.weight", 4, 9, -0.02237027883529663f, -2.0908894387130204},
       {"blocks.1.feed_forward.up.weight", 11, 3, 0.04698583111166954f, 1.3396709529642976},
       {"blocks.1.attention.out.weight", 6, 2, 0.010795103386044502f, 0.18597100680926815},
       {"blocks.1.norm2.bias", 3, -1, -0.00017253287660423666f, -0.0026918373332591727},
       {"embedding.tokens", 1, 2, -0.002548943040892482f, 0.11897434333513957},
       {"embedding.positions", 10, 1, -0.0725073367357254f, 0.7448651192535181},
       {"final_norm.gain", 0, -1, 1.1078737f, 56.887646555900574},
       {"head.weight", 2, 5, 0.14022569358348846f, 0.29240013399976306}});
}

TEST(CheckpointSource, Gpt2BasicHasABiasOnItsHead) {
  const fs::path folder = shared_material("models/gpt2-basic-463k/hf");
  if (folder.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/models/gpt2-basic-463k/hf";
  const ConfigFile model = load_config(folder);
  EXPECT_FALSE(model.model.tied_head);
  EXPECT_TRUE(model.model.head_bias);
  EXPECT_EQ(model.eos_token, 0);
  EXPECT_EQ(ModelCost(model.model).parameters(), 463168);
  expect_golden(
      folder,
      {{"blocks.1.attention.qkv.weight", 7, 5, 0.13601042330265045f, -0.8734568644140381},
       {"blocks.1.feed_forward.down.weight", 4, 9, -0.1080225259065628f, -1.7617890686124156},
       {"blocks.1.feed_forward.up.weight", 11, 3, 0.24572837352752686f, 3.10611710161902},
       {"embedding.positions", 10, 1, 0.8538753986358643f, -41.64668172158417},
       {"head.weight", 2, 5, 0.1627582311630249f, -481.57608184883355},
       {"head.bias", 7, -1, -0.23438924551010132f, -278.6557653581258}});
}

TEST(CheckpointSource, TinyRandomGpt2IsTied) {
  const fs::path folder = shared_material("models/tiny-random-gpt2/hf");
  if (folder.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/models/tiny-random-gpt2/hf";
  EXPECT_TRUE(load_config(folder).model.tied_head);
  expect_golden(
      folder,
      {{"blocks.1.attention.qkv.weight", 7, 5, -0.054359450936317444f, -1.8776260856902809},
       {"blocks.1.feed_forward.down.weight", 4, 9, 0.031625643372535706f, -0.08328444894505083},
       {"embedding.tokens", 1, 2, 0.008091362193226814f, 0.07420032310841407}});
}

// A GPT-1 layout that transformers wrote (tests/golden/fixtures, scripts/peers/make_golden.py).
TEST(CheckpointSource, OpenAiGptOfTransformers) {
  const fs::path folder = fs::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures/gpt1-random";
  const ConfigFile model = load_config(folder);
  EXPECT_EQ(model.model.family, "gpt1");
  expect_golden(
      folder,
      {{"blocks.1.attention.qkv.weight", 7, 5, -0.16169878840446472f, 2.301473578111654},
       {"blocks.1.feed_forward.down.weight", 4, 9, 0.16303475201129913f, 0.5067980558754925},
       {"blocks.1.feed_forward.up.weight", 11, 3, 0.28818419575691223f, 0.13452972928644158},
       {"blocks.1.attention.out.weight", 6, 2, 0.12727688252925873f, 6.752825760282576},
       {"blocks.1.norm2.bias", 3, -1, -0.150079146027565f, -0.08911639545112848},
       {"embedding.tokens", 1, 2, 0.7517383098602295f, 5.700204323424714},
       {"embedding.positions", 10, 1, 0.06138039380311966f, -1.0315373171470128}});
}

// A folder made from counting parameters, in any spelling of the file that a test wants.
class Folder {
 public:
  explicit Folder(ModelConfig config = tiny_config("gpt2")) {
    model_.model = config;
    parameters_ = counting_parameters(config);
    for (const nn::ParameterSpec& spec : parameters_of(config)) {
      const Tensor& value = parameters_[tensors_.size()].tensor;
      const FileTensor file = rules_of(config.family).files(spec).front();
      tensors_.push_back({file.name, file.transposed ? transposed(value) : value});
    }
  }
  std::vector<NamedTensor>& tensors() { return tensors_; }
  NamedTensor& tensor(std::string_view hf_name) {
    for (NamedTensor& t : tensors_)
      if (t.name == hf_name) return t;
    throw std::runtime_error("no such tensor");
  }
  const Tensor& expected(std::string_view name) const {
    for (const NamedTensor& t : parameters_)
      if (t.name == name) return t.tensor;
    throw std::runtime_error("no such parameter");
  }
  Json config() const { return to_config_json(model_); }
  // A null config: the folder's own.
  const fs::path& write(const Json& config = {}) {
    put(scratch_ / "config.json", (config.is_null() ? this->config() : config).dump());
    write_safetensors(scratch_ / "model.safetensors", tensors_);
    return scratch_.path();
  }
  void expect_loads(const Json& config = {}) {
    CheckpointSource source(write(config), Memory::own);
    for (const NamedTensor& p : parameters_)
      EXPECT_TRUE(same_tensor(parameter(source, p.name), p.tensor)) << p.name;
  }
  void expect_corrupt(const std::vector<std::string>& words, const Json& config = {}) {
    write(config);
    expect_error(ErrorCode::corrupt, words,
                 [&] { CheckpointSource(scratch_.path(), Memory::own); });
  }
  const fs::path& path() const { return scratch_.path(); }

 private:
  ScratchFolder scratch_;
  ConfigFile model_;
  std::vector<NamedTensor> parameters_, tensors_;
};

Json without(const Json& config, std::string_view key) {
  Json result = Json::object();
  for (const auto& [name, value] : config.as_object())
    if (name != key) result.set(name, value);
  return result;
}

TEST(CheckpointSource, LoadsBothLayoutsAndTheBareModel) {
  for (const char* norm : {"gpt2", "gpt1"}) {
    Folder folder(tiny_config(norm));
    folder.expect_loads();
    for (NamedTensor& t : folder.tensors())
      t.name = t.name.starts_with("transformer.") ? t.name.substr(12) : t.name;
    folder.expect_loads();
  }
}

TEST(CheckpointSource, SharesPlainMatricesAndOwnsOnRequest) {
  Folder folder;
  CheckpointSource shared(folder.write(), Memory::shared);
  EXPECT_EQ(parameter(shared, "embedding.tokens").raw(),
            parameter(shared, "embedding.tokens").raw());
  CheckpointSource own(folder.path(), Memory::own);
  const Tensor copy = parameter(own, "embedding.tokens");
  EXPECT_NE(copy.raw(), parameter(own, "embedding.tokens").raw());
  copy.data<float>()[0] += 1;  // must be writable
  parameter(own, "blocks.0.attention.out.weight").data<float>()[0] += 1;
  EXPECT_TRUE(same_tensor(parameter(own, "embedding.tokens"), folder.expected("embedding.tokens")));
}

TEST(CheckpointSource, IgnoresBuffersOfOldFiles) {
  Folder folder;
  folder.tensors().push_back({"transformer.h.0.attn.bias", counting({1, 1, 7, 7}, 0)});
  folder.tensors().push_back({"h.1.attn.masked_bias", counting({}, 0)});
  folder.tensors().push_back({"transformer.position_ids", counting({1, 7}, 0)});
  folder.expect_loads();
}

// A matrix keeps the encoding of the file, inside the mapped file; joined parts keep it as well.
TEST(CheckpointSource, MatricesKeepTheirStoredEncoding) {
  for (const DType type : {DType::bf16, DType::f16}) {
    const ScratchFolder scratch;
    ConfigFile config;
    config.model = tiny_config("llama");
    const auto parameters = counting_parameters(config.model);
    export_model(scratch / "m", {.config = config, .parameters = parameters, .weights = type});
    CheckpointSource source(scratch / "m", Memory::shared);
    Stream stream(1);
    for (const NamedTensor& p : parameters) {
      const Tensor read = parameter(source, p.name);
      EXPECT_EQ(read.dtype(), p.tensor.shape().rank() == 1 ? DType::f32 : type) << p.name;
      const Tensor rounded = Tensor::empty(p.tensor.shape(), type);
      const Tensor wanted = Tensor::empty(p.tensor.shape(), DType::f32);
      const Tensor got = Tensor::empty(p.tensor.shape(), DType::f32);
      kernels::convert(stream, p.tensor, rounded);
      kernels::convert(stream, rounded, wanted);
      kernels::convert(stream, read, got);
      EXPECT_TRUE(same_tensor(got, wanted)) << p.name;
    }
    EXPECT_EQ(parameter(source, "embedding.tokens").raw(),
              parameter(source, "embedding.tokens").raw());
  }
}

TEST(CheckpointSource, ConvertsStoredTypes) {
  Folder folder;
  const Tensor wide = folder.expected("final_norm.bias");
  Tensor narrow = Tensor::empty(wide.shape(), DType::bf16);
  for (std::int64_t i = 0; i < wide.elements(); ++i)
    narrow.data<bf16>()[i] = to_bf16(wide.data<float>()[i]);
  folder.tensor("transformer.ln_f.bias").tensor = narrow;
  CheckpointSource source(folder.write(), Memory::shared);
  const Tensor read = parameter(source, "final_norm.bias");
  for (std::int64_t i = 0; i < wide.elements(); ++i)
    EXPECT_EQ(read.data<float>()[i], to_float(narrow.data<bf16>()[i]));
}

TEST(CheckpointSource, RefusesContradictions) {
  {
    Folder folder;
    folder.tensor("transformer.ln_f.bias").tensor = Tensor::zeros({6}, DType::i32);
    folder.expect_corrupt({"'transformer.ln_f.bias'", "I32", "F32"});
  }
  {
    Folder folder;
    folder.tensors().erase(folder.tensors().begin() + 3);
    folder.expect_corrupt({"missing", "'transformer.h.0.ln_1.bias'", "config.json"});
  }
  {
    Folder folder;
    folder.tensors().push_back({"transformer.h.2.ln_1.bias", counting({6}, 0)});
    folder.expect_corrupt({"no place", "'transformer.h.2.ln_1.bias'"});
  }
  {
    Folder folder;  // both spellings of one tensor
    folder.tensors().push_back({"ln_f.bias", counting({6}, 0)});
    folder.expect_corrupt({"no place", "'ln_f.bias'"});
  }
  {
    Folder folder;  // [out, in] where Conv1D has [in, out]
    NamedTensor& t = folder.tensor("transformer.h.1.mlp.c_fc.weight");
    t.tensor = transposed(t.tensor);
    folder.expect_corrupt({"'transformer.h.1.mlp.c_fc.weight'", "[24, 6]", "[6, 24]"});
  }
  Folder folder;
  for (const auto& [key, value, word] :
       {std::tuple<const char*, std::int64_t, const char*>{"vocab_size", 12, "wte"},
        {"n_positions", 8, "wpe"},
        {"n_layer", 1, "no place"},
        {"n_layer", 3, "missing"},
        {"n_layer", 10'000'000, "layers"},
        {"n_embd", 8, "[11, 8]"},
        {"n_inner", 23, "c_fc"}}) {
    Json config = folder.config();
    config.set(key, value);
    folder.expect_corrupt({word}, config);
  }
  Json gpt1 = folder.config();
  gpt1.set("model_type", "openai-gpt");
  folder.expect_corrupt({"tokens_embed"}, gpt1);
  put(folder.path() / "config.json", "{\"model_type\": \"gpt2\"");
  expect_error(ErrorCode::corrupt, {"config.json"},
               [&] { CheckpointSource(folder.path(), Memory::own); });
}

TEST(CheckpointSource, FindsOutAboutTheHead) {
  const auto head_of = [](const Folder& folder) {
    const ModelConfig c = load_config(folder.path()).model;
    return std::pair(c.tied_head, c.head_bias);
  };
  {
    Folder folder;  // a copy of the embedding
    folder.tensors().push_back({"lm_head.weight", folder.expected("embedding.tokens")});
    folder.expect_loads();
    EXPECT_EQ(head_of(folder), (std::pair(true, false)));
    folder.write(without(folder.config(), "tie_word_embeddings"));
    EXPECT_EQ(head_of(folder), (std::pair(true, false)));
  }
  {
    Folder folder;  // another head, which the config denies or does not mention
    folder.tensors().push_back({"lm_head.weight", counting({11, 6}, -5)});
    folder.expect_corrupt({"tie_word_embeddings", "'lm_head.weight'"});
    folder.write(without(folder.config(), "tie_word_embeddings"));
    EXPECT_EQ(head_of(folder), (std::pair(false, false)));
    CheckpointSource source(folder.path(), Memory::own);
    EXPECT_EQ(parameter(source, "head.weight").data<float>()[0], -5);
  }
  {
    Folder folder;  // an untied head that is not there
    Json config = folder.config();
    config.set("tie_word_embeddings", false);
    folder.expect_corrupt({"tie_word_embeddings", "'lm_head.weight'"}, config);
  }
  {
    Folder folder;  // a bias on a tied head: the embedding serves as the matrix
    folder.tensors().push_back({"lm_head.bias", counting({11}, 7)});
    CheckpointSource source(folder.write(), Memory::own);
    EXPECT_EQ(head_of(folder), (std::pair(false, true)));
    EXPECT_TRUE(same_tensor(parameter(source, "head.weight"), folder.expected("embedding.tokens")));
    EXPECT_EQ(parameter(source, "head.bias").data<float>()[0], 7);
  }
}

TEST(CheckpointSource, RefusesWhatTheModelMayNotAsk) {
  Folder folder;
  CheckpointSource source(folder.write(), Memory::own);
  expect_error(ErrorCode::not_found, {"'head.weight'"}, [&] {
    source.load({"head.weight", {11, 6}, {}, nn::Role::matrix, {}});
  });
  expect_error(ErrorCode::corrupt, {"'embedding.tokens'", "[11, 6]", "[6, 11]"}, [&] {
    source.load({"embedding.tokens", {6, 11}, {}, nn::Role::matrix, {}});
  });
  expect_error(ErrorCode::corrupt, {"'final_norm.gain'", "[6]", "[7]"}, [&] {
    source.load({"final_norm.gain", {7}, {}, nn::Role::vector, {}});
  });
}

// The folder of `Folder`, its weights in two shards.
class Shards {
 public:
  Shards() {
    folder_.write();
    fs::remove(folder_.path() / "model.safetensors");
    const std::span<NamedTensor> all(folder_.tensors());
    write_safetensors(folder_.path() / first_, all.first(9));
    write_safetensors(folder_.path() / second_, all.subspan(9));
    for (std::size_t i = 0; i < all.size(); ++i) map_.set(all[i].name, i < 9 ? first_ : second_);
  }
  Folder& folder() { return folder_; }
  Json& map() { return map_; }
  const fs::path& write_index() {
    put(folder_.path() / "model.safetensors.index.json",
        Json::object({{"metadata", Json::object({{"total_size", 1}})}, {"weight_map", map_}})
            .dump());
    return folder_.path();
  }
  void expect_refused(ErrorCode code, const std::vector<std::string>& words) {
    write_index();
    expect_error(code, words, [&] { WeightFiles(folder_.path()); });
  }

 private:
  const char* first_ = "model-00001-of-00002.safetensors";
  const char* second_ = "model-00002-of-00002.safetensors";
  Folder folder_;
  Json map_ = Json::object();
};

TEST(WeightFiles, ReadsShards) {
  Shards shards;
  CheckpointSource source(shards.write_index(), Memory::shared);
  for (const char* name : {"embedding.tokens", "blocks.1.feed_forward.down.weight"})
    EXPECT_TRUE(same_tensor(parameter(source, name), shards.folder().expected(name))) << name;
}

TEST(WeightFiles, RefusesContradictoryShards) {
  const char* name = "transformer.wte.weight";
  for (const char* shard : {"../model-00001-of-00002.safetensors", "/etc/passwd", "", "..",
                            "sub/x.safetensors", "pytorch_model.bin"}) {
    Shards shards;
    shards.map().set(name, shard);
    shards.expect_refused(ErrorCode::corrupt, {"same folder", "index.json"});
  }
  {
    Shards shards;
    shards.map().set(name, "model-00003-of-00003.safetensors");
    shards.expect_refused(ErrorCode::not_found, {"model-00003-of-00003"});
  }
  {
    Shards shards;
    fs::remove(shards.folder().path() / "model-00002-of-00002.safetensors");
    shards.expect_refused(ErrorCode::not_found, {"model-00002"});
  }
  {
    Shards shards;
    shards.map() = Json::object();
    shards.expect_refused(ErrorCode::corrupt, {"weight_map"});
  }
}

// The shards decide where a tensor lies; there must be one only.
TEST(WeightFiles, AnotherShardInTheIndexIsNoHarm) {
  Shards shards;
  shards.map().set("transformer.wte.weight", "model-00002-of-00002.safetensors");
  CheckpointSource source(shards.write_index(), Memory::shared);
  EXPECT_TRUE(same_tensor(parameter(source, "embedding.tokens"),
                          shards.folder().expected("embedding.tokens")));
}

// As savers leave it: a tied head or an old buffer listed, a tensor that is there left out.
TEST(WeightFiles, AnIndexMayListMoreAndLess) {
  Shards shards;
  shards.map() = without(shards.map(), "transformer.wte.weight");
  shards.map().set("lm_head.weight", "model-00002-of-00002.safetensors");
  const WeightFiles files(shards.write_index());
  EXPECT_TRUE(files.find("transformer.wte.weight"));
  EXPECT_FALSE(files.find("lm_head.weight"));
}

TEST(WeightFiles, SaysWhatIsMissing) {
  const ScratchFolder scratch;
  expect_error(ErrorCode::not_found, {"model.safetensors", "index.json"},
               [&] { WeightFiles(scratch.path()); });
  put(scratch / "pytorch_model.bin", "x");
  expect_error(ErrorCode::unsupported, {"pickle"}, [&] { WeightFiles(scratch.path()); });
}

}  // namespace
}  // namespace stemma::checkpoint
