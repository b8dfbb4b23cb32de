// Small models published by others: a head with a bias, and Hugging Face's tiny random GPT-2
// (fixtures/README.md).
#include <numeric>
#include <sstream>

#include "tests/golden/support.h"

namespace stemma::golden {
namespace {

infer::LoadedModel open_f32(const fs::path& folder) {
  return infer::LoadedModel::open(
      {.path = folder, .precision = "f32", .weights = "f32", .tokenizer = "", .threads = 2});
}

std::vector<float> last_logits(const infer::LoadedModel& model,
                               const std::vector<std::int32_t>& ids) {
  ops::Context ctx = model.context();
  const std::vector<float> all = logits_of(model.model(), ctx, batch_of({ids}));
  return {all.end() - model.config().vocab, all.end()};
}

std::vector<std::int32_t> best(const std::vector<float>& logits, std::size_t count) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t a, std::int32_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  ids.resize(count);
  return ids;
}

// Compares the eight best of `logits` with (id, logit) pairs; returns the largest error.
double expect_best(const std::vector<float>& logits,
                   const std::vector<std::pair<std::int32_t, double>>& wanted) {
  std::vector<std::int32_t> ids;
  double largest = 0;
  for (const auto& [id, logit] : wanted) {
    ids.push_back(id);
    largest = std::max(largest,
                       std::abs(static_cast<double>(logits[static_cast<std::size_t>(id)]) - logit));
  }
  EXPECT_EQ(best(logits, wanted.size()), ids);
  return largest;
}

TEST(Gpt2Basic, Top8AndGreedyOfAHeadWithBias) {
  const fs::path folder = shared_model("gpt2-basic-463k");
  SKIP_WITHOUT(folder, "gpt2-basic-463k");
  const auto model = open_f32(folder / "hf");
  ASSERT_TRUE(model.config().head_bias);
  const Json golden = json_of(folder / "golden_float.json");
  double largest = 0;
  for (const Json& item : golden.at("cases").as_array()) {
    SCOPED_TRACE(item.at("prompt").as_string());
    std::vector<std::pair<std::int32_t, double>> wanted;
    for (const Json& pair : item.at("top8_logits").as_array())
      wanted.emplace_back(static_cast<std::int32_t>(pair.as_array()[0].as_int()),
                          pair.as_array()[1].as_double());
    const std::vector<std::int32_t> prompt = ids_of(item.at("prompt_ids"));
    largest = std::max(largest, expect_best(last_logits(model, prompt), wanted));
    const std::vector<std::int32_t> all = ids_of(item.at("greedy_ids"));
    const std::vector<std::int32_t> rest(all.begin() + static_cast<std::ptrdiff_t>(prompt.size()),
                                         all.end());
    EXPECT_EQ(greedy(model, prompt, rest.size()), rest);
  }
  EXPECT_EQ(golden.at("cases").as_array().size(), 4u);
  EXPECT_LE(largest, 2e-5);
  report("logits", largest);
}

// Upstream's own vectors, from its Q20.12 fixed-point program.
TEST(Gpt2Basic, FixedPointVectorsOfItsAuthors) {
  const fs::path folder = shared_model("gpt2-basic-463k");
  SKIP_WITHOUT(folder, "gpt2-basic-463k");
  const auto model = open_f32(folder / "hf");
  std::istringstream lines(read_file(folder / "GPT2VEC.TXT"));
  double largest = 0;
  int vectors = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.substr(0, 2) != "V|") continue;
    std::vector<std::string> fields;
    std::istringstream text(line);
    for (std::string field; std::getline(text, field, '|');) fields.push_back(field);
    ASSERT_EQ(fields.size(), 6u) << line;
    std::vector<std::int32_t> prompt;
    std::istringstream ids(fields[3]);
    for (std::string id; std::getline(ids, id, ',');) prompt.push_back(std::stoi(id));
    std::vector<std::pair<std::int32_t, double>> wanted;
    std::istringstream pairs(fields[5]);
    for (std::string pair; std::getline(pairs, pair, ',');)
      wanted.emplace_back(std::stoi(pair), std::stod(pair.substr(pair.find(':') + 1)) / 4096);
    SCOPED_TRACE(fields[1]);
    ASSERT_EQ(wanted.size(), 8u);
    largest = std::max(largest, expect_best(last_logits(model, prompt), wanted));
    ++vectors;
  }
  EXPECT_EQ(vectors, 3);
  EXPECT_LE(largest, 0.051);
  report("logits", largest);
}

TEST(TinyRandomGpt2, LogitsAndGreedyIds) {
  const fs::path folder = shared_model("tiny-random-gpt2");
  SKIP_WITHOUT(folder, "tiny-random-gpt2");
  const auto model = open_f32(folder / "hf");
  const Json golden = json_of(folder / "golden.json");
  const std::size_t vocab = 1000, every = 200;
  double largest = 0;
  const auto compare = [&](const std::vector<float>& logits, std::size_t row, const Json& wanted) {
    for (std::size_t i = 0; i < vocab / every; ++i)
      largest = std::max(largest, std::abs(static_cast<double>(logits[row * vocab + i * every]) -
                                           wanted.as_array()[i].as_double()));
  };
  for (std::size_t b = 0; b < 2; ++b) {
    const std::vector<std::int32_t> prompt = ids_of(golden.at("input_ids").as_array()[b]);
    const std::vector<std::int32_t> all = ids_of(golden.at("greedy_max_length_10").as_array()[b]);
    EXPECT_EQ(greedy(model, prompt, 6), std::vector<std::int32_t>(all.begin() + 4, all.end()));
    // The first generated token too.
    ops::Context ctx = model.context();
    const std::vector<float> logits = logits_of(
        model.model(), ctx, batch_of({std::vector<std::int32_t>(all.begin(), all.begin() + 5)}));
    ASSERT_EQ(logits.size(), 5 * vocab);
    for (std::size_t t = 0; t < 4; ++t)
      compare(logits, t, golden.at("prompt_logits_every_200th").as_array()[b].as_array()[t]);
    compare(logits, 4, golden.at("logits_every_200th_after_first_generated_token").as_array()[b]);
  }
  EXPECT_LE(largest, 1e-6);  // upstream's own tolerance is 1e-3
  report("logits", largest);
}

}  // namespace
}  // namespace stemma::golden
