// Models with the head of a task as transformers saves them (fixtures/heads): the scores of every
// class of the family, the folder written and read again, and folders that contradict themselves.
#include <fstream>
#include <functional>
#include <set>

#include "checkpoint/export.h"
#include "checkpoint/task_heads.h"
#include "tasks/head_pass.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/golden/support.h"
#include "tests/text/small_tokenizers.h"

namespace stemma::golden {
namespace {

using tasks::EncodedExample;

constexpr double kScoreBound = 4e-6;  // f32, of the largest score of a folder

fs::path heads_folder(const std::string& name) { return fixture("heads") / name; }

// The ids and segments of a case, or of one of its choices.
Framed framed_of(const Json& json) {
  Framed text;
  text.ids = ids_of(json.at("ids"));
  if (const Json* segments = json.find("token_type_ids"))
    text.segments = ids_of(*segments);
  else
    text.segments.assign(text.ids.size(), 0);
  return text;
}

// What tasks::Task::encode() would make of a case: one vector of each text, or of each token.
EncodedExample example_of(const Json& json, bool each_token) {
  EncodedExample example;
  if (const Json* choices = json.find("choices")) {
    for (const Json& choice : choices->as_array()) example.texts.push_back(framed_of(choice));
  } else {
    example.texts.push_back(framed_of(json));
  }
  std::int32_t row = 0;
  for (std::size_t i = 0; i < example.texts.size(); ++i)
    for (std::size_t t = 0; t < (each_token ? example.texts[i].ids.size() : 1); ++t)
      example.terms.push_back(
          {.row = row++,
           .text = static_cast<std::int32_t>(i),
           .token = each_token ? static_cast<std::int32_t>(t) : tasks::kWholeText});
  example.rows = row;
  return example;
}

void append_numbers(const Json& json, std::vector<float>& numbers) {
  if (json.is_number()) {
    numbers.push_back(static_cast<float>(json.as_double()));
    return;
  }
  for (const Json& item : json.as_array()) append_numbers(item, numbers);
}

// A folder opened as a task's model.
class HeadModel {
 public:
  explicit HeadModel(const fs::path& folder)
      : source_(folder, checkpoint::Memory::shared),
        stream_(1),
        model_(build_model(source_.config().model, source_)),
        task_(tasks::make_task(tasks::read_descriptions(folder, source_.config()).front(),
                               *tokenizer_)) {}

  const checkpoint::ConfigFile& config() const { return source_.config(); }
  const tasks::Task& task() const { return *task_; }

  std::vector<float> scores(const std::vector<EncodedExample>& examples) {
    Batch batch;
    tasks::clear_batch(batch);
    for (const EncodedExample& example : examples) tasks::append(batch, *task_, example, 0);
    ops::Context ctx(stream_, ops::Numerics::f32());
    nn::FullAttention attention(batch);
    const Tensor h = model_->forward({ctx, batch, attention});
    return values_of(tasks::head_scores({ctx, *model_, batch, h}, tasks::head_of(*model_)));
  }

  // Every parameter as the folder stores it.
  std::vector<checkpoint::NamedTensor> parameters() {
    std::vector<checkpoint::NamedTensor> all;
    for (const nn::ParameterSpec& spec : parameters_of(config().model))
      all.push_back({spec.name, source_.load(spec).value()});
    return all;
  }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_ = byte_tokenizer();
  checkpoint::CheckpointSource source_;
  Stream stream_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<tasks::Task> task_;
};

class Heads : public ::testing::TestWithParam<std::string> {};

TEST_P(Heads, GiveTheScoresOfTransformers) {
  const fs::path folder = heads_folder(GetParam());
  HeadModel model(folder);
  const bool each_token = model.config().model.task_heads.front().input == HeadInput::tokens;
  std::vector<EncodedExample> examples;
  std::vector<float> wanted, alone;
  const Json expected = json_of(folder / "expected.json");
  for (const Json& json : expected.at("cases").as_array()) {
    examples.push_back(example_of(json, each_token));
    append_numbers(json.at("logits"), wanted);
    const std::vector<float> scores = model.scores({examples.back()});
    alone.insert(alone.end(), scores.begin(), scores.end());
  }
  EXPECT_GE(examples.size(), 2u);
  const Difference d = difference(alone, wanted);
  EXPECT_LE(d.relative, kScoreBound);
  report("scores", d.relative);
  // Packed one behind the other, without padding: the same bits.
  EXPECT_EQ(model.scores(examples), alone);
}

// What config.json says of the head, but for problem_type, which transformers leaves out where
// nobody asked it for a loss.
void expect_same_head(const Json& read, const Json& written, const std::string& problem) {
  const auto text = [](const Json& json, const char* key) {
    const Json* value = json.find(key);
    return value ? value->dump() : "";
  };
  EXPECT_EQ(text(written, "architectures"), text(read, "architectures"));
  EXPECT_EQ(text(written, "id2label"), text(read, "id2label"));
  EXPECT_EQ(text(written, "stemma_heads"), "");
  if (read.find("problem_type")) {
    EXPECT_EQ(text(written, "problem_type"), text(read, "problem_type"));
  }
  if (written.find("problem_type")) {
    EXPECT_EQ(written.at("problem_type").as_string(), problem);
  }
}

TEST_P(Heads, AreWrittenAsTheyWereRead) {
  const fs::path folder = heads_folder(GetParam());
  const TemporaryFolder copy;
  HeadModel model(folder);
  checkpoint::export_model(copy.path(),
                           {.config = model.config(), .parameters = model.parameters()});
  expect_same_head(json_of(folder / "config.json"), json_of(copy / "config.json"),
                   model.config().head_labels.front().problem);
  HeadModel again(copy.path());
  EXPECT_EQ(again.config().model.task_heads, model.config().model.task_heads);
  EXPECT_EQ(again.config().head_labels, model.config().head_labels);
  const auto before = model.parameters(), after = again.parameters();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].name, before[i].name);
    EXPECT_EQ(values_of(after[i].tensor), values_of(before[i].tensor)) << before[i].name;
  }
  // The tensors have transformers' names.
  const checkpoint::SafetensorsReader ours(copy / "model.safetensors");
  const checkpoint::SafetensorsReader theirs(folder / "model.safetensors");
  std::set<std::string> our_names, their_names;
  for (const auto& tensor : ours.tensors()) our_names.insert(tensor.name);
  for (const auto& tensor : theirs.tensors()) their_names.insert(tensor.name);
  EXPECT_EQ(our_names, their_names);
}

INSTANTIATE_TEST_SUITE_P(, Heads,
                         ::testing::Values("gpt1-classification", "gpt2-classification",
                                           "gpt2-tokens", "llama-classification", "llama-tokens",
                                           "bert-classification", "bert-regression",
                                           "bert-multi-label", "bert-tokens", "bert-choice"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(HeadDescriptions, AreThoseOfTheClass) {
  const auto described = [](const std::string& name) {
    HeadModel model(heads_folder(name));
    return model.task().description();
  };
  const tasks::TaskDescription classes = described("bert-classification");
  EXPECT_EQ(classes.kind, tasks::TaskKind::classification);
  EXPECT_EQ(classes.problem, tasks::kSingleLabel);
  EXPECT_EQ(classes.labels, (std::vector<std::string>{"negative", "neutral", "positive"}));
  EXPECT_EQ(classes.input, HeadInput::pooler);
  EXPECT_EQ(classes.max_tokens, 24);  // the model's context
  EXPECT_EQ(described("llama-classification").input, HeadInput::last);
  EXPECT_EQ(described("bert-regression").problem, tasks::kRegression);
  EXPECT_EQ(described("bert-multi-label").problem, tasks::kMultiLabel);
  EXPECT_EQ(described("bert-choice").kind, tasks::TaskKind::choice);
  EXPECT_EQ(described("bert-choice").outputs(), 1);
  const tasks::TaskDescription tags = described("gpt2-tokens");
  EXPECT_EQ(tags.kind, tasks::TaskKind::tokens);
  EXPECT_EQ(tags.tag_scheme, "BIO");
  EXPECT_TRUE(tags.last_piece);
  EXPECT_FALSE(described("bert-tokens").last_piece);
}

// A folder of the fixtures with another config.json.
void open_changed(const std::string& name, const std::function<void(Json&)>& change) {
  const TemporaryFolder copy;
  const fs::path from = heads_folder(name);
  fs::copy_file(from / "model.safetensors", copy / "model.safetensors");
  Json config = json_of(from / "config.json");
  change(config);
  std::ofstream(copy / "config.json") << config.dump(1);
  HeadModel model(copy.path());
}

TEST(DamagedHeads, AreSaidClearly) {
  const auto labels = [](std::initializer_list<Json::Member> members) {
    return [names = Json::object(members)](Json& config) { config.set("id2label", names); };
  };
  const std::string name = "bert-classification";
  EXPECT_ERROR(open_changed(name, [](Json& c) { c.set("problem_type", "ranking"); }),
               ErrorCode::corrupt, "problem_type must be single_label_classification");
  // Two labels for a head with three outputs, and four.
  EXPECT_ERROR(open_changed(name, labels({{"0", "a"}, {"1", "b"}})), ErrorCode::corrupt,
               "classifier");
  EXPECT_ERROR(open_changed(name, labels({{"0", "a"}, {"1", "b"}, {"2", "c"}, {"3", "d"}})),
               ErrorCode::corrupt, "classifier");
  EXPECT_ERROR(open_changed(name, labels({{"0", "a"}, {"1", "b"}, {"3", "c"}})), ErrorCode::corrupt,
               "2 has no name");
  EXPECT_ERROR(open_changed(name, labels({{"0", "a"}, {"1", 7}, {"2", "c"}})), ErrorCode::corrupt,
               "1 has no name");
  EXPECT_ERROR(open_changed(name, labels({})), ErrorCode::corrupt, "id2label");
  EXPECT_ERROR(open_changed(name, labels({{"0", "a"}, {"1", "a"}, {"2", "c"}})), ErrorCode::corrupt,
               "'a' twice");
  EXPECT_ERROR(open_changed("llama-classification",
                            [](Json& c) { c.set("num_labels", -1), c.set("id2label", Json()); }),
               ErrorCode::corrupt, "num_labels");
  EXPECT_ERROR(open_changed("gpt2-tokens", labels({{"0", "O"}})), ErrorCode::corrupt, "classifier");
  // Numbers for several names at once.
  EXPECT_ERROR(open_changed(name, [](Json& c) { c.set("problem_type", "regression"); }),
               ErrorCode::unsupported, "regression");
}

TEST(DamagedHeads, OurOwnKeyToo) {
  const auto own = [](const std::string& text) {
    return [text](Json& config) { config.set("stemma_heads", Json::parse(text, "test")); };
  };
  const std::string name = "bert-classification";
  EXPECT_ERROR(open_changed(name, own(R"([{"input": "middle", "labels": ["a"]}])")),
               ErrorCode::corrupt, "'middle'");
  EXPECT_ERROR(open_changed(name, own(R"([{"input": "mean"}])")), ErrorCode::corrupt, "labels");
  EXPECT_ERROR(open_changed(name, own(R"({"input": "mean"})")), ErrorCode::corrupt, "");
  EXPECT_ERROR(open_changed(name, own(R"([{"problem": "ranking", "labels": ["a", "b"]}])")),
               ErrorCode::corrupt, "'ranking'");
}

}  // namespace
}  // namespace stemma::golden
