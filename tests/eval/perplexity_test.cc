#include "eval/perplexity.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/infer/model_folder.h"

namespace stemma::eval {
namespace {

using infer::LoadedModel;

// A random model that is far from uniform.
class RandomFolder {
 public:
  explicit RandomFolder(std::int64_t context) {
    ModelConfig config;
    config.family = "gpt2";
    config.vocab = 257;
    config.context = context;
    config.channels = 12;
    config.heads = 3;
    config.layers = 2;
    config.hidden = 48;
    nn::FreshWeights fresh(4);
    infer::testing::write_folder(
        folder_.path(), config, [&](const nn::ParameterSpec& p, const Tensor& value) {
          const Tensor drawn =
              fresh.load({p.name, p.shape, nn::Init::normal(0.4), p.role, {}}).value();
          const float base = p.name.ends_with(".gain") ? 1.0f : 0.0f;
          for (std::int64_t i = 0; i < value.elements(); ++i)
            value.data<float>()[i] = base + drawn.data<float>()[i];
        });
    model_ = std::make_unique<LoadedModel>(infer::testing::open_f32(folder_.path()));
  }
  const LoadedModel& model() const { return *model_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<LoadedModel> model_;
};

// −log p(next | ids), from the logits of a pass over exactly these ids.
double surprise(const LoadedModel& model, std::span<const std::int32_t> ids, std::int32_t next) {
  Batch batch;
  batch.ids.assign(ids.begin(), ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i)
    batch.positions.push_back(static_cast<std::int32_t>(i));
  batch.offsets = {0, batch.tokens()};
  nn::FullAttention attention(batch);
  ops::Context ctx = model.context();
  const Tensor h = model.model().forward({ctx, batch, attention});
  const Tensor logits = model.model().head().logits(ctx, h.slice_rows(h.rows() - 1, h.rows()));
  double sum = 0;
  for (std::int64_t v = 0; v < 257; ++v)
    sum += std::exp(static_cast<double>(logits.data<float>()[v]));
  return std::log(sum) - static_cast<double>(logits.data<float>()[next]);
}

// The definition, target by target: of the windows [k s, k s + T) of inputs that hold the input
// before the target, the first one gives it the longest context.
double nll_by_definition(const LoadedModel& model, const std::vector<std::int32_t>& stream) {
  const auto T = static_cast<std::size_t>(model.config().context);
  const std::size_t stride = std::max<std::size_t>(1, T / 2);
  double nll = 0;
  for (std::size_t target = 1; target < stream.size(); ++target) {
    std::size_t begin = 0;
    while (begin + T < target) begin += stride;
    nll += surprise(model, std::span(stream).subspan(begin, target - begin), stream[target]);
  }
  return nll;
}

std::vector<std::int32_t> stream_of(const LoadedModel& model, const std::string& text,
                                    std::int32_t first) {
  std::vector<std::int32_t> stream = {first};
  model.tokenizer().encode(text, stream);
  return stream;
}

TEST(Perplexity, EachTargetOnceInItsLongestWindow) {
  const std::string text = "In the beginning God created the heaven and the earth.";
  for (const std::int64_t context : {1, 2, 5, 8, 13, 64}) {
    const RandomFolder folder(context);
    for (const std::size_t length : {1u, 2u, 7u, 8u, 9u, 12u, 13u, 14u, 54u}) {
      SCOPED_TRACE(::testing::Message() << "context " << context << ", text of " << length);
      const std::string part = text.substr(0, length);
      const Perplexity p = perplexity(folder.model(), part);
      const double wanted = nll_by_definition(
          folder.model(), stream_of(folder.model(), part, *folder.model().end_of_text()));
      EXPECT_NEAR(p.nll, wanted, 1e-5 * wanted);
      EXPECT_EQ(p.tokens, static_cast<std::int64_t>(length));
      EXPECT_EQ(p.bytes, static_cast<std::int64_t>(length));
      EXPECT_DOUBLE_EQ(p.perplexity(), std::exp(p.nll / static_cast<double>(length)));
      EXPECT_DOUBLE_EQ(p.bits_per_byte(), p.nll / std::log(2.0) / static_cast<double>(length));
    }
  }
}

TEST(Perplexity, AnotherContextToken) {
  const RandomFolder folder(8);
  PerplexityOptions options;
  options.context_token = 65;
  const double wanted =
      nll_by_definition(folder.model(), stream_of(folder.model(), "some text here", 65));
  const double got = perplexity(folder.model(), "some text here", options).nll;
  EXPECT_NEAR(got, wanted, 1e-5 * wanted);
  EXPECT_GT(std::abs(got - perplexity(folder.model(), "some text here").nll), 1e-3);
}

TEST(Perplexity, ProgressAndEndingEarly) {
  const RandomFolder folder(8);
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  PerplexityOptions options;
  options.progress = [&](std::int64_t scored, std::int64_t all) {
    calls.emplace_back(scored, all);
    return calls.size() < 2;
  };
  const std::string text = "twenty bytes of text";
  const Perplexity p = perplexity(folder.model(), text, options);
  EXPECT_EQ(calls, (std::vector<std::pair<std::int64_t, std::int64_t>>{{8, 20}, {12, 20}}));
  EXPECT_EQ(p.tokens, 12);
  const double wanted = perplexity(folder.model(), text.substr(0, 12)).nll;
  EXPECT_NEAR(p.nll, wanted, 1e-6 * wanted);
}

TEST(Perplexity, ImpossibleRequests) {
  const RandomFolder folder(8);
  PerplexityOptions options;
  options.context_token = 257;
  EXPECT_ERROR(perplexity(folder.model(), "a", options), ErrorCode::invalid_argument, "257");
  options.context_token = -1;
  EXPECT_ERROR(perplexity(folder.model(), "a", options), ErrorCode::invalid_argument, "-1");
  EXPECT_ERROR(perplexity(folder.model(), ""), ErrorCode::corrupt, "empty");
}

}  // namespace
}  // namespace stemma::eval
