#include "tasks/description.h"

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

// Something other than the default everywhere.
TaskDescription unusual() {
  TaskDescription t = described(TaskKind::tokens, {"O", "B-\"q\"", "I-\u00e9"}, 77);
  t.both_orders = true;
  t.marks = Marks{5, 6, 7};
  t.windows = true;
  t.tag_scheme = "BIO";
  t.last_piece = true;
  t.choice_labels = "letters";
  t.columns.format = "csv";
  t.columns.text_columns = {"title", "body"};
  t.columns.second_column = "other";
  t.columns.label_column = "3";
  t.columns.choice_columns = {"a", "b"};
  t.columns.label_separator = "|";
  t.columns.header = "yes";
  return t;
}

void expect_equal(const TaskDescription& a, const TaskDescription& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.problem, b.problem);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.both_orders, b.both_orders);
  EXPECT_EQ(a.marks, b.marks);
  EXPECT_EQ(a.max_tokens, b.max_tokens);
  EXPECT_EQ(a.windows, b.windows);
  EXPECT_EQ(a.tag_scheme, b.tag_scheme);
  EXPECT_EQ(a.last_piece, b.last_piece);
  EXPECT_EQ(a.choice_labels, b.choice_labels);
  EXPECT_EQ(a.columns.format, b.columns.format);
  EXPECT_EQ(a.columns.text_columns, b.columns.text_columns);
  EXPECT_EQ(a.columns.second_column, b.columns.second_column);
  EXPECT_EQ(a.columns.label_column, b.columns.label_column);
  EXPECT_EQ(a.columns.choice_columns, b.columns.choice_columns);
  EXPECT_EQ(a.columns.label_separator, b.columns.label_separator);
  EXPECT_EQ(a.columns.header, b.columns.header);
}

TaskDescription through_json(const TaskDescription& task) {
  return parse_descriptions(Json::parse(to_json({task}).dump(2), "text"), "text").front();
}

TEST(Description, ComesBackAsItWasWritten) {
  expect_equal(through_json(unusual()), unusual());
  for (const TaskKind kind :
       {TaskKind::classification, TaskKind::entailment, TaskKind::similarity, TaskKind::choice}) {
    const TaskDescription plain = described(kind, {"a", "b"});
    expect_equal(through_json(plain), plain);
  }
  for (const std::string_view problem : {kMultiLabel, kRegression}) {
    TaskDescription t = described(TaskKind::similarity, {"score"});
    t.problem = problem;
    expect_equal(through_json(t), t);
  }
  for (const HeadInput input :
       {HeadInput::first, HeadInput::mean, HeadInput::pooler, HeadInput::last}) {
    TaskDescription t = described(TaskKind::classification, {"a"});
    t.input = input;
    expect_equal(through_json(t), t);
  }
}

TEST(Description, NamesOfTasks) {
  EXPECT_EQ(task_names().size(), 5u);
  for (const std::string& name : task_names()) EXPECT_EQ(to_string(task_named(name)), name);
  EXPECT_ERROR(task_named("ner"), ErrorCode::invalid_argument, "tokens, entailment");
}

TEST(Description, OutputsAndLabels) {
  const TaskDescription t = described(TaskKind::classification, {"a", "b", "c"});
  EXPECT_EQ(t.outputs(), 3);
  EXPECT_EQ(t.label_index("c"), 2);
  EXPECT_EQ(t.label_index("C"), -1);
  EXPECT_EQ(described(TaskKind::choice, {}).outputs(), 1);
}

TEST(Description, SeveralTasksHaveNames) {
  TaskDescription first = described(TaskKind::classification, {"a", "b"}), second = unusual();
  first.name = "trec";
  second.name = "rte";
  const Json json = to_json({first, second});
  const auto tasks = parse_descriptions(json, "x");
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[1].labels, second.labels);
  EXPECT_EQ(place_of(tasks, ""), 0u);
  EXPECT_EQ(place_of(tasks, "rte"), 1u);
  EXPECT_ERROR(place_of(tasks, "sst2"), ErrorCode::invalid_argument, "its heads are trec, rte");
  EXPECT_ERROR(place_of({described(TaskKind::choice, {})}, "rte"), ErrorCode::invalid_argument,
               "one head");
  second.name = "trec";
  EXPECT_ERROR(parse_descriptions(to_json({first, second}), "x"), ErrorCode::corrupt, "twice");
  EXPECT_ERROR(parse_descriptions(Json::object({{"tasks", Json::array({})}}), "x"),
               ErrorCode::corrupt, "empty list");
}

void expect_damage(const char* key, Json value, const std::string& says) {
  Json json = to_json({unusual()});
  json.set(key, std::move(value));
  EXPECT_ERROR(parse_descriptions(json, "here/stemma_task.json"), ErrorCode::corrupt, says);
  EXPECT_ERROR(parse_descriptions(json, "here/stemma_task.json"), ErrorCode::corrupt,
               "here/stemma_task.json");
}

TEST(Description, DamageIsSaid) {
  expect_damage("task", "ner", "must be one of");
  expect_damage("task", Json(), "");
  expect_damage("task", 3, "");
  expect_damage("problem", "ranking", "'ranking'");
  expect_damage("problem", "choice", "does not go with");
  expect_damage("task", "choice", "does not go with");
  expect_damage("labels", Json::array({}), "labels must not be empty");
  expect_damage("labels", "a, b", "");
  expect_damage("labels", Json::array({"a", 7}), "");
  expect_damage("labels", Json::array({"a", "b", "a"}), "the label 'a' is there twice");
  expect_damage("input", "middle", "'middle'");
  expect_damage("both_orders", "yes", "");
  expect_damage("marks", Json::object({{"start", 1}}), "delimiter");
  expect_damage("marks", Json::object({{"start", -1}, {"delimiter", 1}, {"extract", 1}}),
                "'start' is no token id");
  expect_damage("marks",
                Json::object({{"start", 1}, {"delimiter", 1}, {"extract", std::int64_t{1} << 40}}),
                "'extract' is no token id");
  expect_damage(
      "marks", Json::object({{"start", 1}, {"delimiter", std::int64_t{INT32_MAX}}, {"extract", 1}}),
      "'delimiter' is no token id");
  expect_damage("max_tokens", 0, "max_tokens");
  expect_damage("max_tokens", "many", "");
  expect_damage("columns", "text", "");
  EXPECT_ERROR(parse_descriptions(Json::array({}), "x"), ErrorCode::corrupt, "x");
  EXPECT_ERROR(parse_descriptions(Json::object({}), "x"), ErrorCode::corrupt, "task");
}

checkpoint::ConfigFile model_with_head(std::int64_t outputs, HeadInput input) {
  checkpoint::ConfigFile config;
  config.model.vocab = 100;
  config.model.context = 64;
  config.model.task_heads = {{"", outputs, input, true}};
  config.head_labels = {{std::string(kSingleLabel), {}}};
  return config;
}

TEST(Description, MustBeOfTheModelBesideIt) {
  const ::TemporaryFolder folder;
  const auto read = [&](const TaskDescription& task, const checkpoint::ConfigFile& config) {
    std::ofstream(folder / kTaskFile) << to_json({task}).dump();
    return read_descriptions(folder.path(), config).front();
  };
  TaskDescription task = described(TaskKind::classification, {"a", "b"}, 64);
  expect_equal(read(task, model_with_head(2, HeadInput::last)), task);
  EXPECT_ERROR(read(task, model_with_head(3, HeadInput::last)), ErrorCode::corrupt, "3 outputs");
  EXPECT_ERROR(read(task, model_with_head(2, HeadInput::mean)), ErrorCode::corrupt, "reads mean");
  EXPECT_ERROR(read(task, checkpoint::ConfigFile()), ErrorCode::corrupt, "0 heads");
  task.marks = Marks{99, 99, 100};
  EXPECT_ERROR(read(task, model_with_head(2, HeadInput::last)), ErrorCode::corrupt, "a mark");
  task.marks = Marks{99, 98, 0};
  EXPECT_EQ(read(task, model_with_head(2, HeadInput::last)).marks, task.marks);
  task.max_tokens = 65;
  EXPECT_ERROR(read(task, model_with_head(2, HeadInput::last)), ErrorCode::corrupt,
               "the model's context, 64");
  std::ofstream(folder / kTaskFile) << "{\"task\": \"classification\",";
  EXPECT_ERROR(read_descriptions(folder.path(), model_with_head(2, HeadInput::last)),
               ErrorCode::corrupt, kTaskFile);
}

TEST(Description, AModelWithoutAHeadHasNone) {
  const ::TemporaryFolder folder;
  EXPECT_ERROR(read_descriptions(folder.path(), checkpoint::ConfigFile()), ErrorCode::unsupported,
               "stemma finetune");
}

}  // namespace
}  // namespace stemma::tasks
