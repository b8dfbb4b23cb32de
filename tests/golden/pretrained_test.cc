// Real pre-trained models against values that transformers gives for the same weights
// (fixtures/pretrained.json, made by scripts/peers/make_pretrained_golden.py). scripts/get-model.sh
// brings the models; without them these tests are skipped.
#include <cmath>

#include "infer/chat_prompt.h"
#include "infer/hidden_states.h"
#include "tests/golden/support.h"

namespace stemma::golden {
namespace {

fs::path pretrained(const std::string& name) {
  const fs::path folder = fs::path(STEMMA_SOURCE_DIR) / "models" / name;
  return fs::exists(folder / "complete") ? folder : fs::path();
}

#define SKIP_WITHOUT_MODEL(folder, name) \
  if ((folder).empty())                  \
  GTEST_SKIP() << "SKIPPED: needs models/" << (name) << " (scripts/get-model.sh " << (name) << ")"

Json wanted_of(const std::string& name) {
  return json_of(fs::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures/pretrained.json").at(name);
}

std::vector<std::int32_t> ids_in(const Json& list) {
  std::vector<std::int32_t> ids;
  for (const Json& id : list.as_array()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
  return ids;
}

infer::LoadedModel open_pretrained(const fs::path& path) {
  infer::ModelOptions options;
  options.path = path;
  options.precision = "f32";
  return infer::LoadedModel::open(options);
}

// The GGUF file and the folder that was converted from it are one model.
TEST(Pretrained, SmolLM2AnswersAsInTransformers) {
  const fs::path folder = pretrained("smollm2");
  SKIP_WITHOUT_MODEL(folder, "smollm2");
  const Json wanted = wanted_of("smollm2");
  for (const fs::path& path : {folder, folder / "SmolLM2-135M-Instruct.Q4_1.gguf"}) {
    SCOPED_TRACE(path.string());
    const infer::LoadedModel model = open_pretrained(path);
    chat::Conversation question;
    question.messages = Json::array(
        {Json::object({{"role", "user"}, {"content", wanted.at("question").as_string()}})});
    const infer::ChatPrompt prompt = infer::chat_prompt(model, question);
    EXPECT_EQ(prompt.ids, ids_in(wanted.at("prompt")));
    ops::Context ctx = model.context();
    const std::vector<float> logits =
        logits_of(model.model(), ctx, infer::batch_of_ids(prompt.ids));
    const auto vocab = static_cast<std::size_t>(model.config().vocab);
    const std::span<const float> last(logits.data() + logits.size() - vocab, vocab);
    const std::vector<std::int32_t> best = ids_in(wanted.at("best_ids"));
    for (std::size_t i = 0; i < best.size(); ++i)
      EXPECT_NEAR(static_cast<double>(last[static_cast<std::size_t>(best[i])]),
                  wanted.at("best_logits").as_array()[i].as_double(), 2e-5 * 36);
    infer::GenerateOptions options;
    options.max_tokens = 32;
    prompt.set_ends(options);
    EXPECT_EQ(infer::generate(model, prompt.ids, options).ids, ids_in(wanted.at("answer")));
  }
}

TEST(Pretrained, MiniLMGivesTheStatesAndVectorsOfTransformers) {
  const fs::path folder = pretrained("minilm");
  SKIP_WITHOUT_MODEL(folder, "minilm");
  const Json wanted = wanted_of("minilm");
  const infer::LoadedModel model = open_pretrained(folder);
  const std::string text = wanted.at("text").as_string();
  std::vector<std::int32_t> words;
  model.tokenizer().encode(text, words);
  const std::vector<std::int32_t> ids = model.tokenizer().frame(words).ids;
  EXPECT_EQ(ids, ids_in(wanted.at("ids")));
  const Tensor states = infer::hidden_states(model, infer::batch_of_ids(ids));
  const auto& first = wanted.at("first_state").as_array();
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_NEAR(static_cast<double>(states.data<float>()[i]), first[i].as_double(), 1e-5);
  const infer::TextEmbedder embedder(model,
                                     infer::Pooling::of_folder(model.path(), model.config()));
  EXPECT_EQ(embedder.pooling().max_tokens, 256);
  const std::vector<float> vector = embedder.embed(std::vector{text}).front().values;
  const auto& part = wanted.at("vector").as_array();
  for (std::size_t i = 0; i < part.size(); ++i)
    EXPECT_NEAR(static_cast<double>(vector[i]), part[i].as_double(), 1e-6);
}

}  // namespace
}  // namespace stemma::golden
