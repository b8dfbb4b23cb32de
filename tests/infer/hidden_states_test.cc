// States and vectors of texts: pooling by hand, the files of sentence-transformers, company in a
// batch, and what an encoder refuses.
#include "infer/hidden_states.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "checkpoint/export.h"
#include "infer/bench.h"
#include "infer/generator.h"
#include "infer/key_value_cache.h"
#include "models/family.h"
#include "models/model.h"
#include "nn/fresh_weights.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma::infer {
namespace {

namespace fs = std::filesystem;

// A random BERT without heads, with the WordPiece tokenizer of the text tests.
class EncoderFolder {
 public:
  EncoderFolder() {
    const auto tokenizer = open_tokenizer(
        (fs::path(STEMMA_SOURCE_DIR) / "tests/text/fixtures/wordpiece/tokenizer.json").string());
    checkpoint::ConfigFile config;
    ModelConfig& c = config.model = family_named("bert").defaults();
    c.vocab = tokenizer->vocab_size();
    c.context = 40;
    c.channels = 12;
    c.heads = 3;
    c.layers = 2;
    c.hidden = 30;
    c.weight_std = 0.3;
    c.token_head = c.head_bias = c.pair_head = false;
    nn::FreshWeights source(5);
    std::vector<checkpoint::NamedTensor> parameters;
    for (const nn::ParameterSpec& spec : parameters_of(c))
      parameters.push_back({spec.name, source.load(spec).value()});
    checkpoint::export_model(
        folder_.path(), {.config = config, .parameters = parameters, .tokenizer = tokenizer.get()});
  }
  const fs::path& path() const { return path_; }
  LoadedModel open() const {
    return LoadedModel::open(
        {.path = path_, .precision = "f32", .weights = "f32", .tokenizer = "", .threads = 1});
  }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  Pooling pooling() const { return Pooling::of_folder(path_, open().config()); }

 private:
  TemporaryFolder folder_;
  fs::path path_ = folder_.path();
};

std::vector<std::int32_t> framed(const LoadedModel& model, const std::string& text) {
  std::vector<std::int32_t> ids;
  model.tokenizer().encode(text, ids);
  return model.tokenizer().frame(ids).ids;
}

// Sums over the rows by hand.
std::vector<double> mean_of(const LoadedModel& model, const std::vector<std::int32_t>& ids) {
  const Tensor h = hidden_states(model, batch_of_ids(ids));
  std::vector<double> mean(static_cast<std::size_t>(h.cols()));
  for (std::int64_t r = 0; r < h.rows(); ++r)
    for (std::int64_t c = 0; c < h.cols(); ++c)
      mean[static_cast<std::size_t>(c)] +=
          static_cast<double>(h.data<float>()[r * h.cols() + c]) / static_cast<double>(h.rows());
  return mean;
}

void expect_direction(const std::vector<float>& vector, const std::vector<double>& wanted) {
  ASSERT_EQ(vector.size(), wanted.size());
  double length = 0, sum = 0;
  for (const double x : wanted) length += x * x;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(vector[i]), wanted[i] / std::sqrt(length), 1e-6) << i;
    sum += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
  }
  EXPECT_NEAR(sum, 1, 1e-6);
}

const std::string kText = "The quick brown fox isn't lazy.";

TEST(TextEmbedder, TheMeanOfAllTokensWithLengthOne) {
  const EncoderFolder folder;
  const LoadedModel model = folder.open();
  const TextEmbedder embedder(model, folder.pooling());
  const std::vector<std::string> texts{kText};
  const TextVector vector = embedder.embed(texts).front();
  const auto ids = framed(model, kText);
  EXPECT_EQ(vector.tokens, static_cast<std::int64_t>(ids.size()));
  EXPECT_EQ(vector.cut_tokens, 0);
  expect_direction(vector.values, mean_of(model, ids));
}

TEST(TextEmbedder, CompanyChangesNothing) {
  const EncoderFolder folder;
  const LoadedModel model = folder.open();
  const TextEmbedder embedder(model, folder.pooling());
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(kText.substr(0, static_cast<std::size_t>(i % 31)));
  const auto together = embedder.embed(texts);
  for (std::size_t i = 0; i < 62; ++i) {
    const auto alone = embedder.embed(std::span(texts).subspan(i, 1));
    EXPECT_EQ(together[i].values, alone.front().values) << i;
    EXPECT_EQ(together[i + 31].values, alone.front().values) << i;
  }
}

TEST(TextEmbedder, LongTextsAreCutAndKeepTheirFrame) {
  const EncoderFolder folder;
  folder.put("sentence_bert_config.json", R"({"max_seq_length": 6, "do_lower_case": false})");
  const LoadedModel model = folder.open();
  const TextEmbedder embedder(model, folder.pooling());
  auto ids = framed(model, kText);
  const auto all = static_cast<std::int64_t>(ids.size());
  const std::vector<std::string> texts{kText};
  const TextVector vector = embedder.embed(texts).front();
  EXPECT_EQ(vector.tokens, 6);
  EXPECT_EQ(vector.cut_tokens, all - 6);
  ids.erase(ids.begin() + 5, ids.end() - 1);  // [CLS] and four tokens, [SEP]
  expect_direction(vector.values, mean_of(model, ids));
}

TEST(Pooling, TheFolderDecides) {
  const EncoderFolder folder;
  EXPECT_EQ(folder.pooling().kind, Pooling::Kind::mean);
  EXPECT_TRUE(folder.pooling().normalize);
  EXPECT_EQ(folder.pooling().max_tokens, 40);
  folder.put("1_Pooling/config.json",
             R"({"word_embedding_dimension": 12, "pooling_mode_cls_token": true,
                 "pooling_mode_mean_tokens": false})");
  EXPECT_EQ(folder.pooling().kind, Pooling::Kind::cls);
  folder.put("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
               {"path": "p", "type": "sentence_transformers.models.Pooling"}])");
  folder.put("p/config.json", R"({"pooling_mode_max_tokens": true})");
  folder.put("sentence_bert_config.json", R"({"max_seq_length": 256})");
  EXPECT_EQ(folder.pooling().kind, Pooling::Kind::max);
  EXPECT_FALSE(folder.pooling().normalize);
  EXPECT_EQ(folder.pooling().max_tokens, 40);  // not more than the context

  const LoadedModel model = folder.open();
  const Tensor h = hidden_states(model, batch_of_ids(framed(model, kText)));
  const std::vector<std::string> texts{kText};
  const TextVector largest = TextEmbedder(model, folder.pooling()).embed(texts).front();
  Pooling first = folder.pooling();
  first.kind = Pooling::Kind::cls;
  const TextVector cls = TextEmbedder(model, first).embed(texts).front();
  for (std::int64_t c = 0; c < h.cols(); ++c) {
    float most = h.data<float>()[c];
    EXPECT_EQ(cls.values[static_cast<std::size_t>(c)], most);
    for (std::int64_t r = 1; r < h.rows(); ++r)
      most = std::max(most, h.data<float>()[r * h.cols() + c]);
    EXPECT_EQ(largest.values[static_cast<std::size_t>(c)], most);
  }
}

TEST(Pooling, NamesTheFilesThatItReads) {
  const EncoderFolder folder;
  EXPECT_TRUE(pooling_files(folder.path()).empty());
  folder.put("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
               {"path": "../out", "type": "x"}, {"path": "gone", "type": "x"},
               {"path": "pool", "type": "sentence_transformers.models.Pooling"}])");
  folder.put("pool/config.json", R"({"pooling_mode_cls_token": true})");
  folder.put("../out/config.json", "{}");
  folder.put("sentence_bert_config.json", R"({"max_seq_length": 7})");
  EXPECT_EQ(pooling_files(folder.path()), (std::vector<fs::path>{"pool/config.json", "modules.json",
                                                                 "sentence_bert_config.json"}));
  fs::remove_all(folder.path() / "../out");
  for (const char* damaged : {R"({"a": 1})", "[1, 2]", "["}) {
    folder.put("modules.json", damaged);
    EXPECT_ERROR(pooling_files(folder.path()), ErrorCode::corrupt, "modules.json");
  }
}

TEST(HiddenStates, SegmentsAreThoseOfTheModel) {
  const EncoderFolder folder;
  const LoadedModel encoder = folder.open();
  EXPECT_NO_THROW(hidden_states(encoder, batch_of_ids({1, 2}, {0, 1})));
  EXPECT_ERROR(hidden_states(encoder, batch_of_ids({1, 2}, {0, 2})), ErrorCode::invalid_argument,
               "segments 0 to 1, got 2");
  ModelConfig c = encoder.config();
  c.family = "gpt2";
  c.causal = c.token_head = true;
  c.segments = 0;
  c.pooler = false;
  const LoadedModel decoder = LoadedModel::random(c, {});
  EXPECT_ERROR(hidden_states(decoder, batch_of_ids({1, 2}, {0, 1})), ErrorCode::invalid_argument,
               "no segments");
}

TEST(Pooling, RefusesWhatWouldGiveOtherVectors) {
  const EncoderFolder folder;
  const auto refused = [&](const char* name, const char* text, ErrorCode code, const char* word) {
    folder.put(name, text);
    EXPECT_ERROR(folder.pooling(), code, word);
    fs::remove(folder.path() / name);
  };
  const char* pooling = "1_Pooling/config.json";
  refused(pooling, R"({"pooling_mode_mean_sqrt_len_tokens": true})", ErrorCode::unsupported,
          "mean_sqrt_len");
  refused(pooling, R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true})",
          ErrorCode::unsupported, "2 ways");
  refused(pooling, "{}", ErrorCode::unsupported, "0 ways");
  refused(pooling, R"({"pooling_mode_mean_tokens": true, "include_prompt": false})",
          ErrorCode::unsupported, "include_prompt");
  refused(pooling, "[1]", ErrorCode::corrupt, "1_Pooling");
  refused("modules.json", R"([{"path": "2", "type": "sentence_transformers.models.Dense"}])",
          ErrorCode::unsupported, "Dense");
  refused("modules.json", R"([{"path": "../x", "type": "sentence_transformers.models.Pooling"}])",
          ErrorCode::unsupported, "../x");
  refused("modules.json", R"([{"path": "gone", "type": "sentence_transformers.models.Pooling"}])",
          ErrorCode::not_found, "gone");
  refused("sentence_bert_config.json", R"({"do_lower_case": true})", ErrorCode::unsupported,
          "do_lower_case");
  refused("sentence_bert_config.json", R"({"max_seq_length": 0})", ErrorCode::corrupt,
          "max_seq_length");
}

TEST(Encoder, RefusesWhatNeedsADecoderOrAHead) {
  const EncoderFolder folder;
  const LoadedModel model = folder.open();
  const std::string name = folder.path().filename().string();
  const std::vector<std::int32_t> prompt{1, 2};
  EXPECT_ERROR(generate(model, prompt, {}), ErrorCode::unsupported, name);
  EXPECT_ERROR(prompt_ids(model, "a"), ErrorCode::unsupported, "bert");
  EXPECT_ERROR(model.require_token_head("logits"), ErrorCode::unsupported, name);
  EXPECT_ERROR(KeyValueCache(model.config(), {}, {.slots = 1, .capacity = 8}),
               ErrorCode::unsupported, "bidirectional");
  EXPECT_ERROR(bench_decode(model, {.batch = 1, .context = 4, .steps = 1}), ErrorCode::unsupported,
               "bert");
  EXPECT_EQ(bench_prefill(model, {.batch = 2, .context = 4, .steps = 1}).size(), 1u);
  EXPECT_ERROR(hidden_states(model, batch_of_ids({})), ErrorCode::invalid_argument, "1 to 40");
  EXPECT_ERROR(hidden_states(model, batch_of_ids(std::vector<std::int32_t>(41, 1))),
               ErrorCode::invalid_argument, "41");
}

}  // namespace
}  // namespace stemma::infer
