// Beam search against transformers' (fixtures/beams.json, made by
// scripts/peers/make_beams_golden.py).
#include "infer/beam_search.h"

#include "tests/base/expect_error.h"
#include "tests/golden/support.h"

namespace stemma::golden {
namespace {

infer::LoadedModel open_fixture(const std::string& name) {
  infer::ModelOptions options;
  options.path = fixture(name);
  options.precision = "f32";
  return infer::LoadedModel::open(options);
}

TEST(BeamSearch, FindsWhatTransformersFinds) {
  const Json cases = json_of(fixture("beams.json"));
  for (const Json& c : cases.as_array()) {
    SCOPED_TRACE(c.at("model").as_string() + ", beams " + c.at("beams").dump() + ", penalty " +
                 c.at("length_penalty").dump());
    const infer::LoadedModel model = open_fixture(c.at("model").as_string());
    infer::BeamOptions options;
    options.beams = c.at("beams").as_int();
    options.length_penalty = c.at("length_penalty").as_double();
    options.early_stopping = c.at("early_stopping").as_bool();
    options.max_tokens = c.at("max_tokens").as_int();
    options.end_tokens = ids_of(c.at("end_tokens"));
    const std::vector<infer::BeamText> texts =
        infer::beam_search(model, ids_of(c.at("prompt")), options);
    ASSERT_EQ(texts.size(), c.at("texts").as_array().size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Json& wanted = c.at("texts").as_array()[i];
      EXPECT_EQ(texts[i].ids, ids_of(wanted.at("ids"))) << i;
      if (!wanted.at("score").is_null()) {
        const double score = wanted.at("score").as_double();
        EXPECT_NEAR(texts[i].score, score, 2e-5 + 1e-6 * std::abs(score)) << i;
      }
    }
  }
}

TEST(BeamSearch, SaysWhatIsWrong) {
  const infer::LoadedModel model = open_fixture("gpt2-random");
  const std::vector<std::int32_t> prompt = {1, 2}, none, outside = {9999};
  EXPECT_ERROR(infer::beam_search(model, prompt, {.beams = 0}), ErrorCode::invalid_argument,
               "beams");
  EXPECT_ERROR(infer::beam_search(model, none, {}), ErrorCode::invalid_argument, "prompt");
  EXPECT_ERROR(infer::beam_search(model, outside, {}), ErrorCode::invalid_argument, "9999");
  // The context is the end, if nothing else is.
  const auto texts =
      infer::beam_search(model, prompt, {.max_tokens = 500, .ignore_end_of_text = true});
  EXPECT_EQ(std::ssize(texts.front().ids), model.most_tokens() - 2 + 1);
  EXPECT_EQ(texts.front().finish, infer::FinishReason::context);
}

}  // namespace
}  // namespace stemma::golden
