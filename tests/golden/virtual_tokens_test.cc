// Prefix tuning and prompt tuning as PEFT computes them (fixtures/peft): scores of every class and
// logits of the first and the last token, alone and packed; folders written and read again, and
// folders that do not belong to the model.
#include "nn/virtual_tokens.h"

#include <fstream>
#include <functional>
#include <numeric>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/merged_source.h"
#include "infer/forward.h"
#include "infer/generator.h"
#include "tasks/finetune_plan.h"
#include "tasks/head_pass.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/support.h"
#include "tests/infer/model_folder.h"

namespace stemma::golden {
namespace {

constexpr double kAdaptedBound = 4e-6;  // f32, of the largest logit of a folder

fs::path peft_folder(const std::string& name) { return fixture("peft") / name; }

fs::path base_folder(const std::string& name) {
  return peft_folder(name.substr(0, name.find('-')) + "-base");
}

// The base's weights, with the heads that an adapter brings.
class WithItsHeads final : public nn::WeightSource {
 public:
  WithItsHeads(nn::WeightSource& base, checkpoint::AdapterFolder& adapter)
      : base_(base), adapter_(adapter) {}
  Weight load(const nn::ParameterSpec& spec) override {
    const auto& own = adapter_.replaced();
    const bool there = std::find(own.begin(), own.end(), spec.name) != own.end();
    return there ? adapter_.load(spec) : base_.load(spec);
  }

 private:
  nn::WeightSource& base_;
  checkpoint::AdapterFolder& adapter_;
};

struct AdaptedCase {
  Framed text;
  std::vector<float> first, last;  // classification: only the second
};

std::vector<AdaptedCase> adapted_cases(const fs::path& folder) {
  const auto floats = [](const Json& json) {
    std::vector<float> list;
    for (const Json& item : json.as_array()) list.push_back(static_cast<float>(item.as_double()));
    return list;
  };
  std::vector<AdaptedCase> cases;
  const Json expected = json_of(folder / "expected.json");
  for (const Json& json : expected.at("cases").as_array()) {
    AdaptedCase c;
    c.text.ids = ids_of(json.at("ids"));
    if (const Json* segments = json.find("token_type_ids"))
      c.text.segments = ids_of(*segments);
    else
      c.text.segments.assign(c.text.ids.size(), 0);
    c.last = floats(json.at("logits"));
    if (const Json* first = json.find("first_logits")) c.first = floats(*first);
    cases.push_back(std::move(c));
  }
  return cases;
}

// A folder of PEFT on its base.
class AdaptedModel {
 public:
  // `folder`: of the adapter; `name`: of the fixture that says what it is.
  AdaptedModel(const fs::path& folder, const std::string& name)
      : source_(base_folder(name), checkpoint::Memory::shared),
        classes_(name.ends_with("classification")),
        config_(source_.config()),
        stream_(1) {
    if (classes_) {
      task_ =
          tasks::make_task(tasks::read_adapter_descriptions(folder, config_).front(), *tokenizer_);
      config_ = tasks::config_for({task_->description()}, config_);
    }
    file_ = std::make_unique<checkpoint::AdapterFolder>(folder, config_.model);
    WithItsHeads weights(source_, *file_);
    model_ = build_model(config_.model, weights);
    adapter_ = std::make_unique<nn::Adapter>(*file_, file_->spec());
    adapters_.list = {adapter_.get()};
  }

  // Scores of the classes; of a language model, logits of the first token and of the last one.
  std::vector<float> scores(const std::vector<AdaptedCase>& cases) {
    Batch tokens;
    tasks::clear_batch(tokens, classes_ ? 1 : 0);
    if (classes_) {
      for (const AdaptedCase& c : cases) {
        tasks::EncodedExample example;
        example.texts = {c.text};
        example.terms = {{}};
        tasks::append(tokens, *task_, example, 0);
      }
    } else {
      std::vector<std::vector<std::int32_t>> ids;
      for (const AdaptedCase& c : cases) ids.push_back(c.text.ids);
      tokens = batch_of(ids);
    }
    const Batch batch = nn::with_virtual_tokens(tokens, &adapters_);
    ops::Context ctx(stream_, ops::Numerics::f32());
    nn::PrefixAttention attention(batch, &adapters_);
    const Tensor h = model_->forward({ctx, batch, attention, &adapters_});
    if (classes_)
      return values_of(tasks::head_scores({ctx, *model_, batch, h}, tasks::head_of(*model_)));
    return first_and_last(batch, values_of(model_->head().logits(ctx, h)));
  }

  // Everything that its file has, by our names.
  std::vector<checkpoint::NamedTensor> parameters() {
    std::vector<checkpoint::NamedTensor> list{
        {std::string(nn::kVirtualTokens), adapter_->virtual_tokens()}};
    for (const nn::ParameterSpec& spec : parameters_of(config_.model))
      for (const std::string& name : file_->replaced())
        if (spec.name == name) list.push_back({name, file_->load(spec).value()});
    return list;
  }

  const checkpoint::ConfigFile& config() const { return config_; }
  checkpoint::AdapterFolder& file() { return *file_; }
  nn::WeightSource& base() { return source_; }

 private:
  std::vector<float> first_and_last(const Batch& batch, const std::vector<float>& logits) const {
    const auto v = static_cast<std::size_t>(config_.model.vocab);
    const auto prompt = adapter_->spec().kind == nn::AdapterSpec::Kind::prompt
                            ? static_cast<std::size_t>(adapter_->spec().virtual_tokens)
                            : 0;
    std::vector<float> rows;
    for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b)
      for (const std::size_t row : {static_cast<std::size_t>(batch.offsets[b]) + prompt,
                                    static_cast<std::size_t>(batch.offsets[b + 1]) - 1})
        rows.insert(rows.end(), logits.begin() + static_cast<std::ptrdiff_t>(row * v),
                    logits.begin() + static_cast<std::ptrdiff_t>((row + 1) * v));
    return rows;
  }

  std::shared_ptr<const Tokenizer> tokenizer_ = byte_tokenizer();
  checkpoint::CheckpointSource source_;
  bool classes_;
  checkpoint::ConfigFile config_;
  Stream stream_;
  std::unique_ptr<tasks::Task> task_;
  std::unique_ptr<checkpoint::AdapterFolder> file_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<nn::Adapter> adapter_;
  nn::Adapters adapters_;
};

class VirtualTokens : public ::testing::TestWithParam<std::string> {};

TEST_P(VirtualTokens, GiveTheLogitsOfPeft) {
  const std::vector<AdaptedCase> cases = adapted_cases(peft_folder(GetParam()));
  AdaptedModel model(peft_folder(GetParam()), GetParam());
  ASSERT_GE(cases.size(), 3u);
  std::vector<float> wanted, alone;
  for (const AdaptedCase& c : cases) {
    wanted.insert(wanted.end(), c.first.begin(), c.first.end());
    wanted.insert(wanted.end(), c.last.begin(), c.last.end());
    const std::vector<float> scores = model.scores({c});
    alone.insert(alone.end(), scores.begin(), scores.end());
  }
  const Difference d = difference(alone, wanted);
  EXPECT_LE(d.relative, kAdaptedBound);
  report("scores", d.relative);
  // Packed one behind the other, without padding: the same bits.
  EXPECT_EQ(model.scores(cases), alone);
}

TEST_P(VirtualTokens, AreWrittenAsTheyWereRead) {
  const fs::path folder = peft_folder(GetParam());
  const TemporaryFolder copy;
  AdaptedModel model(folder, GetParam());
  checkpoint::write_adapter(copy.path(), {.config = model.config(),
                                          .spec = model.file().spec(),
                                          .parameters = model.parameters(),
                                          .base = "base"});
  const Json theirs = json_of(folder / checkpoint::kAdapterConfig);
  const Json ours = json_of(copy / checkpoint::kAdapterConfig);
  for (const char* key : {"peft_type", "task_type", "num_virtual_tokens", "num_layers", "token_dim",
                          "num_attention_heads", "num_transformer_submodules"})
    EXPECT_EQ(ours.at(key).dump(), theirs.at(key).dump()) << key;
  // The same tensors under the same names, and so the same scores.
  const checkpoint::SafetensorsReader before(folder / checkpoint::kAdapterWeights);
  const checkpoint::SafetensorsReader after(copy / checkpoint::kAdapterWeights);
  ASSERT_EQ(after.tensors().size(), before.tensors().size());
  for (const auto& tensor : before.tensors())
    EXPECT_EQ(values_of(after.read(after.at(tensor.name), checkpoint::Memory::own)),
              values_of(before.read(tensor, checkpoint::Memory::own)))
        << tensor.name;
  const std::vector<AdaptedCase> cases = adapted_cases(folder);
  EXPECT_EQ(AdaptedModel(copy.path(), GetParam()).scores(cases), model.scores(cases));
}

// As `stemma logits` and `stemma generate` open it: PEFT's logits, and greedily written text is the
// likeliest token of one full pass after the other.
TEST_P(VirtualTokens, AreUsedByLogitsAndGenerate) {
  if (!GetParam().ends_with("-lm")) GTEST_SKIP() << "stated of language models";
  infer::ModelOptions options;
  options.path = base_folder(GetParam());
  options.precision = "f32";
  options.adapter = peft_folder(GetParam());
  options.threads = 1;
  const infer::LoadedModel model = infer::LoadedModel::open(options);
  infer::Forward forward(model);
  std::vector<float> got, wanted;
  for (const AdaptedCase& c : adapted_cases(peft_folder(GetParam()))) {
    const Tensor logits = forward.logits(c.text.ids);
    ASSERT_EQ(logits.rows(), std::ssize(c.text.ids));
    for (const std::int64_t row : {std::int64_t{0}, logits.rows() - 1})
      for (const float x : values_of(logits.slice_rows(row, row + 1))) got.push_back(x);
    wanted.insert(wanted.end(), c.first.begin(), c.first.end());
    wanted.insert(wanted.end(), c.last.begin(), c.last.end());
    std::vector<std::int32_t> ids = c.text.ids, written;
    while (written.size() < 5 && std::ssize(ids) <= model.most_tokens()) {
      const Tensor all = forward.logits(ids);
      const std::vector<float> last = values_of(all.slice_rows(all.rows() - 1, all.rows()));
      written.push_back(
          static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin()));
      ids.push_back(written.back());
    }
    infer::GenerateOptions greedy{.max_tokens = 5, .ignore_end_of_text = true};
    greedy.sampling.temperature = 0;
    EXPECT_EQ(infer::generate(model, c.text.ids, greedy).ids, written);
  }
  EXPECT_LE(difference(got, wanted).relative, kAdaptedBound);
}

INSTANTIATE_TEST_SUITE_P(
    , VirtualTokens,
    ::testing::Values("gpt2-prefix-lm", "gpt2-prompt-lm", "llama-prefix-lm", "llama-prompt-lm",
                      "gpt2-prefix-classification", "gpt2-prompt-classification",
                      "llama-prefix-classification", "llama-prompt-classification",
                      "bert-prefix-classification", "bert-prompt-classification"),
    [](const auto& each) {
      std::string name = each.param;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// A folder of the fixtures with another adapter_config.json.
void open_with(const std::string& name, const std::function<void(Json&)>& change) {
  const TemporaryFolder copy;
  fs::copy_file(peft_folder(name) / checkpoint::kAdapterWeights,
                copy / checkpoint::kAdapterWeights);
  Json config = json_of(peft_folder(name) / checkpoint::kAdapterConfig);
  change(config);
  std::ofstream(copy / checkpoint::kAdapterConfig) << config.dump(1);
  AdaptedModel model(copy.path(), name);
}

TEST(VirtualTokenFolders, ThatDoNotFitAreSaidClearly) {
  const auto with = [](const char* key, Json value) {
    return [key, value = std::move(value)](Json& c) { c.set(key, value); };
  };
  EXPECT_ERROR(open_with("gpt2-prefix-lm", with("num_virtual_tokens", 6)), ErrorCode::corrupt,
               "num_virtual_tokens is 6 and the table has 5 rows");
  EXPECT_ERROR(open_with("gpt2-prefix-lm", with("peft_type", "PROMPT_TUNING")), ErrorCode::corrupt,
               "prompt_embeddings has 128 columns there, the model needs 32");
  EXPECT_ERROR(open_with("gpt2-prompt-lm", with("peft_type", "LORA")), ErrorCode::corrupt, "");
  EXPECT_ERROR(open_with("gpt2-prompt-lm", with("num_transformer_submodules", 2)),
               ErrorCode::unsupported, "an encoder and a decoder");
  // The projection that a prefix was trained through is in its numbers already.
  open_with("llama-prefix-lm", with("prefix_projection", true));
  // Of another base.
  EXPECT_ERROR(AdaptedModel(peft_folder("llama-prefix-lm"), "gpt2-prefix-lm"), ErrorCode::corrupt,
               "prompt_embeddings has 64 columns there, the model needs 128");
}

TEST(VirtualTokenFolders, CannotBeMerged) {
  AdaptedModel model(peft_folder("gpt2-prefix-lm"), "gpt2-prefix-lm");
  EXPECT_ERROR(checkpoint::MergedSource(model.base(), model.file()), ErrorCode::unsupported,
               "cannot be merged");
}

}  // namespace
}  // namespace stemma::golden
