// stemma finetune, predict and eval task, with the real binary and a tiny model: a whole run, its
// answers as they come, and the bad input of people's own files.
#include <algorithm>
#include <sstream>

#include <fcntl.h>

#include "tests/cli/program.h"
#include "tests/tasks/tiny_model.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;
using stemma::Json;
using Arguments = std::vector<std::string>;

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line, "line"));
  return lines;
}

class Finetune : public ::testing::Test {
 protected:
  Finetune() {
    stemma::tasks::write_tiny_model(folder_ / "base", "bert");
    stemma::tasks::write_tiny_csv(folder_ / "train.csv", 40);
    stemma::tasks::write_tiny_csv(folder_ / "test.csv", 12, 100);
  }

  // Arguments of a short run on train.csv; `more` goes before.
  Arguments arguments(const std::string& name, const Arguments& more = {}) const {
    Arguments all{"finetune"};
    const auto given = [&](const std::string& flag) {
      return std::find(more.begin(), more.end(), flag) != more.end();
    };
    const std::vector<std::pair<std::string, std::string>> usual = {
        {"--model", folder_ / "base"},
        {"--train", folder_ / "train.csv"},
        {"--run", folder_ / name},
        {"--epochs", "4"},
        {"--learning-rate", "3e-3"},
        {"--precision", "f32"},
        {"--threads", "1"}};
    for (const auto& [flag, value] : usual)
      if (!given(flag)) all.insert(all.end(), {flag, value});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Result finetune(const std::string& name, const Arguments& more = {}) const {
    return cli_test::run(arguments(name, more));
  }
  Result predict(const std::string& name, const Arguments& more) const {
    Arguments all{"predict", "--model", folder_ / name, "--precision", "f32"};
    all.insert(all.end(), more.begin(), more.end());
    return cli_test::run(all);
  }
  fs::path file(const std::string& name, const std::string& text) const {
    write_text(folder_ / name, text);
    return folder_ / name;
  }
  // A run on this text of training rows, which must fail.
  void expect_refused(const std::string& rows, int code, const std::string& says,
                      Arguments more = {}) const {
    more.insert(more.end(), {"--train", file("bad.csv", rows).string()});
    expect_failure(finetune("bad", more), code, says);
    EXPECT_FALSE(fs::exists(folder_ / "bad/recipe.toml"));
  }
  static void expect_failure(const Result& r, int code, const std::string& says) {
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_EQ(r.signal, 0);
    EXPECT_TRUE(r.out.empty()) << r.out;
    const std::size_t line = r.err.rfind("stemma: ");
    ASSERT_NE(line, r.err.npos) << r.err;
    EXPECT_EQ(r.err.find('\n', line), r.err.size() - 1) << r.err;  // the last line
    EXPECT_NE(r.err.find(says, line), r.err.npos) << "expected: " << says << "\ngot: " << r.err;
  }

  TemporaryFolder folder_;
};

void expect_says(const Result& r, const std::string& text) {
  EXPECT_NE(r.err.find(text), r.err.npos) << "expected: " << text << "\ngot: " << r.err;
}

TEST_F(Finetune, AWholeRunAndItsReport) {
  const Result r = finetune("run", {"--test", folder_ / "test.csv", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  expect_says(r, "2 labels: ");  // with their counts, before training
  const Json json = r.json();
  EXPECT_EQ(json.at("signal").as_int(), 0);
  EXPECT_GT(json.at("steps").as_int(), 4);
  for (const char* name :
       {"config.json", "model.safetensors", "vocab.txt", "stemma_task.json", "recipe.toml",
        "metrics.jsonl", "loss.svg", "report.json", "report.md", "report.html"})
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  const Json report = Json::parse(read_text(folder_ / "run/report.json"), "report.json");
  EXPECT_EQ(report.dump(), json.at("report").dump());
  EXPECT_EQ(report.at("task").as_string(), "classification");
  EXPECT_EQ(report.at("split").as_string(), "test");
  for (const char* key : {"accuracy", "macro_f1", "micro_f1", "matthews"}) {
    EXPECT_GE(report.at(key).as_double(), -1) << key;
    EXPECT_LE(report.at(key).as_double(), 1) << key;
  }
  EXPECT_GE(report.at("accuracy").as_double(), 0.75);  // the first letter tells
  for (const char* label : {"one", "other"})
    for (const char* key : {"precision", "recall", "f1", "support"})
      EXPECT_TRUE(report.at("classes").at(label).at(key).is_number()) << label << " " << key;
  EXPECT_EQ(report.at("classes").at("one").at("support").as_int(), 6);
  for (const char* key : {"data", "averages", "confusion_matrix", "calibration", "worst",
                          "settings", "curve", "intervals"})
    EXPECT_TRUE(report.find(key)) << key;
  // Nothing is fetched to look at it.
  const std::string html = read_text(folder_ / "run/report.html");
  EXPECT_EQ(html.find("<script src"), html.npos);
  EXPECT_EQ(html.find("<link"), html.npos);
  // transformers' names of the labels.
  const Json config = Json::parse(read_text(folder_ / "run/config.json"), "config.json");
  EXPECT_EQ(config.at("id2label").at("0").as_string(), "one");
  // Without a test set the report is of dev, and says so.
  const Result dev = finetune("dev", {"--json", "--epochs", "1"});
  ASSERT_EQ(dev.code, 0) << dev.err;
  EXPECT_EQ(dev.json().at("report").at("split").as_string(), "dev");
}

TEST_F(Finetune, PredictAnswersInTheOrderOfTheInput) {
  ASSERT_EQ(finetune("run").code, 0);
  const Result rows = predict("run", {"--input", folder_ / "test.csv"});
  ASSERT_EQ(rows.code, 0) << rows.err;
  const std::vector<Json> answers = lines_of(rows.out);
  ASSERT_EQ(answers.size(), 12u);
  for (std::size_t i = 0; i < 12; ++i) {
    const Json& probabilities = answers[i].at("probabilities");
    const double one = probabilities.at("one").as_double();
    EXPECT_NEAR(one + probabilities.at("other").as_double(), 1, 1e-12);
    EXPECT_EQ(answers[i].at("label").as_string(), one >= 0.5 ? "one" : "other");
  }
  // The same texts alone, one a line, and as JSON lines with ids.
  std::string lines, objects;
  for (int i = 0; i < 12; ++i) {
    const std::string text = stemma::tasks::tiny_text(100 + i, i % 2 == 0);
    lines += text + "\n";
    objects += "{\"id\": \"row" + std::to_string(i) + "\", \"text\": \"" + text + "\"}\n";
  }
  const Result plain = predict("run", {"--input", file("texts.txt", lines).string()});
  EXPECT_EQ(plain.out, rows.out) << plain.err;
  const std::vector<Json> with_ids =
      lines_of(predict("run", {"--input", file("rows.jsonl", objects).string()}).out);
  ASSERT_EQ(with_ids.size(), 12u);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(with_ids[i].at("id").as_string(), "row" + std::to_string(i));
    EXPECT_EQ(with_ids[i].at("probabilities").dump(), answers[i].at("probabilities").dump());
  }
  // What the file says of its labels is not looked at.
  const Result odd = predict("run", {"--input", file("odd.csv", "text,label\nab,nan\ncd,\n")});
  EXPECT_EQ(odd.code, 0) << odd.err;
  EXPECT_EQ(lines_of(odd.out).size(), 2u);
}

// The program's standard input, fed by the test.
class StandardInput {
 public:
  StandardInput() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    write_ = ends[1];
    before_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
  }
  ~StandardInput() {
    close();
    if (before_ >= 0) ::dup2(before_, STDIN_FILENO);
    if (before_ >= 0) ::close(before_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  void write(const std::string& text) const {
    EXPECT_EQ(::write(write_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (write_ >= 0) ::close(write_);
    write_ = -1;
  }

 private:
  int write_ = -1, before_ = -1;
};

TEST_F(Finetune, PredictAnswersALineBeforeTheNextIsWritten) {
  ASSERT_EQ(finetune("run", {"--epochs", "1"}).code, 0);
  StandardInput input;
  Running program({"predict", "--model", folder_ / "run", "--precision", "f32"});
  for (int i = 1; i <= 3; ++i) {
    input.write(stemma::tasks::tiny_text(i, true) + "\n");
    ASSERT_TRUE(Running::wait_for([&] {
      const std::string out = program.out_so_far();
      return std::count(out.begin(), out.end(), '\n') == i;
    })) << i;
  }
  input.write("the last line has no end");
  input.close();
  const Result r = program.wait();
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(lines_of(r.out).size(), 4u);
}

TEST_F(Finetune, EvalTaskGivesTheFiguresOfTheReport) {
  ASSERT_EQ(finetune("run", {"--test", folder_ / "test.csv"}).code, 0);
  const Arguments eval{
      "eval",        "task", "--model",  folder_ / "run",  "--data", folder_ / "test.csv",
      "--precision", "f32",  "--report", folder_ / "again"};
  const Result text = cli_test::run(eval);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("accuracy"), text.out.npos) << text.out;
  const Json before = Json::parse(read_text(folder_ / "run/report.json"), "before");
  const Json again = Json::parse(read_text(folder_ / "again/report.json"), "again");
  for (const char* key : {"accuracy", "classes", "confusion_matrix", "calibration", "worst"})
    EXPECT_EQ(again.at(key).dump(), before.at(key).dump()) << key;
  EXPECT_TRUE(fs::exists(folder_ / "again/report.html"));
}

TEST_F(Finetune, ALabelThatTrainingNeverSawCountsAsWrong) {
  const fs::path test = file("new.csv", read_text(folder_ / "test.csv") + "ab,third\nba,third\n");
  const Result r = finetune("run", {"--test", test, "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  expect_says(r, "'third' (2)");
  const Json report = r.json().at("report");
  EXPECT_LE(report.at("accuracy").as_double(), 12.0 / 14 + 1e-12);
  const Json known = cli_test::run({"eval", "task", "--model", folder_ / "run", "--data",
                                    folder_ / "test.csv", "--precision", "f32", "--json"})
                         .json();
  EXPECT_NEAR(report.at("accuracy").as_double() * 14, known.at("accuracy").as_double() * 12, 1e-9);
}

TEST_F(Finetune, TextsAboveTheLimitAreSaid) {
  std::string rows = "text,label\n";
  for (int i = 0; i < 20; ++i)
    rows += std::string(static_cast<std::size_t>(i < 3 ? 40 : 5), 'a') + (i % 2 ? ",x\n" : ",y\n");
  const fs::path train = file("long.csv", rows);
  const Result r = finetune(
      "run", {"--train", train, "--max-tokens", "16", "--dev-fraction", "0", "--epochs", "1"});
  ASSERT_EQ(r.code, 0) << r.err;
  expect_says(r, "3 of 20 texts are cut at 16 tokens");
  expect_says(r, "--long window");
  const Result read = predict("run", {"--input", train});
  expect_says(read, "3 texts were cut at 16 tokens");
  const Result windows = finetune(
      "windows", {"--train", train, "--max-tokens", "16", "--long", "window", "--epochs", "1"});
  ASSERT_EQ(windows.code, 0) << windows.err;
  EXPECT_EQ(windows.err.find("are cut"), windows.err.npos) << windows.err;
}

TEST_F(Finetune, TrainingFilesThatCannotBe) {
  expect_refused("", 3, "is empty");
  expect_refused("text,label\n", 3, "only a header");
  expect_refused("text,label\nab,x\ncd,y,z\nab,x\n", 3, "bad.csv");
  expect_refused("text,label\nab,x\ncd,x\n", 3, "one label, 'x'");
  expect_refused("text,label\nab,\ncd,\n", 3, "no row has a label");
  expect_refused("text,label\nab,x\ncd,y\n", 2, "sentiment", {"--label-column", "sentiment"});
  expect_refused("text,label\nab,x\ncd,y\n", 2, "body", {"--text-column", "body"});
  expect_failure(finetune("bad", {"--train", folder_ / "none.csv"}), 3, "none.csv");
  expect_failure(cli_test::run({"finetune", "--model", folder_ / "base", "--run", folder_ / "bad"}),
                 2, "--train");
  expect_failure(
      cli_test::run({"finetune", "--train", folder_ / "train.csv", "--run", folder_ / "bad"}), 2,
      "--model");
  EXPECT_FALSE(fs::exists(folder_ / "bad/recipe.toml"));
}

TEST_F(Finetune, NumbersThatAreNone) {
  std::string pairs = "text,other,label\n";
  for (int i = 0; i < 15; ++i) pairs += "ab,cd," + std::to_string(i) + ".5\n";
  const Arguments task{"--task", "similarity"};
  expect_refused(pairs + "ab,cd,NaN\n", 3, "NaN", task);
  expect_refused(pairs + "ab,cd,much\n", 3, "much",
                 {"--task", "similarity", "--problem", "regression"});
  expect_refused(pairs, 2, "--class-weights",
                 {"--task", "similarity", "--class-weights", "balanced"});
  expect_refused(pairs, 2, "--label-smoothing",
                 {"--task", "similarity", "--label-smoothing", "0.1"});
}

TEST_F(Finetune, ModelsWithoutAHead) {
  expect_failure(predict("base", {"--input", folder_ / "test.csv"}), 3, "stemma finetune");
  expect_failure(
      cli_test::run({"eval", "task", "--model", folder_ / "base", "--data", folder_ / "test.csv"}),
      3, "stemma finetune");
  expect_failure(predict("none", {"--input", folder_ / "test.csv"}), 3, "none");
}

TEST_F(Finetune, ADamagedDescriptionIsNoAnswer) {
  ASSERT_EQ(finetune("run", {"--epochs", "1"}).code, 0);
  const std::string good = read_text(folder_ / "run/stemma_task.json");
  const auto with = [&](const char* key, Json value) {
    Json task = Json::parse(good, "task");
    task.set(key, std::move(value));
    write_text(folder_ / "run/stemma_task.json", task.dump(1));
    return predict("run", {"--input", folder_ / "test.csv"});
  };
  expect_failure(with("labels", Json::array({"one", "other", "third"})), 3, "stemma_task.json");
  expect_failure(with("input", "mean"), 3, "stemma_task.json");
  expect_failure(with("max_tokens", 1000), 3, "the model's context, 64");
  expect_failure(with("problem", "ranking"), 3, "'ranking'");
}

TEST_F(Finetune, RunsAreNotWrittenOver) {
  ASSERT_EQ(finetune("run", {"--epochs", "1"}).code, 0);
  const std::string metrics = read_text(folder_ / "run/metrics.jsonl");
  expect_failure(finetune("run", {"--epochs", "1"}), 2, "--resume auto");
  expect_failure(finetune("run", {"--epochs", "2", "--resume", "auto"}), 2, "epochs");
  expect_failure(finetune("run", {"--epochs", "1", "--seed", "9", "--resume", "auto"}), 2, "seed");
  EXPECT_EQ(read_text(folder_ / "run/metrics.jsonl"), metrics);
  // Other rows under the same name.
  stemma::tasks::write_tiny_csv(folder_ / "train.csv", 40, 7);
  expect_failure(finetune("run", {"--epochs", "1", "--resume", "auto"}), 3, "training rows");
  stemma::tasks::write_tiny_csv(folder_ / "train.csv", 40);
  // A finished run that is resumed has nothing to do, and what may change may change.
  const Result again = finetune("run", {"--epochs", "1", "--resume", "auto", "--threads", "2"});
  EXPECT_EQ(again.code, 0) << again.err;
}

// Killed at any moment and started again: the same model, byte for byte.
TEST_F(Finetune, AKilledRunGoesOn) {
  const Arguments settings{"--epochs", "12", "--eval-every", "2", "--batch", "8"};
  ASSERT_EQ(finetune("whole", settings).code, 0);
  Arguments all = arguments("parts", settings);
  {
    Running program(all);
    ASSERT_TRUE(Running::wait_for([&] {
      return read_text(folder_ / "parts/metrics.jsonl").find("\"step\": 6,") != std::string::npos;
    }));
    program.send(SIGKILL);
    EXPECT_EQ(program.wait().signal, SIGKILL);
  }
  EXPECT_FALSE(fs::exists(folder_ / "parts/report.json"));
  all.insert(all.end(), {"--resume", "auto"});
  const Result r = cli_test::run(all);
  ASSERT_EQ(r.code, 0) << r.err;
  expect_says(r, "resumed at step");
  EXPECT_TRUE(read_text(folder_ / "parts/model.safetensors") ==
              read_text(folder_ / "whole/model.safetensors"));
  EXPECT_EQ(read_text(folder_ / "parts/report.md"), read_text(folder_ / "whole/report.md"));
}

TEST_F(Finetune, ASignalEndsARunWithEverythingSaved) {
  Arguments all = arguments("run", {"--epochs", "500", "--eval-every", "50"});
  Running program(all);
  ASSERT_TRUE(Running::wait_for([&] { return !read_text(folder_ / "run/metrics.jsonl").empty(); }));
  program.send(SIGINT);
  const Result r = program.wait();
  EXPECT_EQ(r.code, 130) << r.err;
  EXPECT_NE(r.out.find("--resume auto"), r.out.npos) << r.out;
  EXPECT_FALSE(fs::is_empty(folder_ / "run/checkpoints"));
}

// An adapter is a folder of its own, and answers from there or beside its base.
TEST_F(Finetune, AdaptersAnswer) {
  for (const char* adapt : {"lora", "adapter"}) {
    const Result r = finetune(adapt, {"--adapt", adapt, "--json"});
    ASSERT_EQ(r.code, 0) << r.err;
    EXPECT_LT(r.json().at("trained_parameters").as_int(), r.json().at("parameters").as_int());
    EXPECT_FALSE(fs::exists(folder_ / adapt / "model.safetensors"));
    const Result alone = predict(adapt, {"--input", folder_ / "test.csv"});
    ASSERT_EQ(alone.code, 0) << alone.err;
    EXPECT_EQ(lines_of(alone.out).size(), 12u);
    const Result beside =
        predict("base", {"--adapter", folder_ / adapt, "--input", folder_ / "test.csv"});
    EXPECT_EQ(beside.out, alone.out) << beside.err;
  }
}

// The rows of one would have nothing that the other reads.
TEST_F(Finetune, AdaptersOfRowsOfDifferentKindsAreRefusedTogether) {
  std::string words;
  for (int i = 0; i < 24; ++i) words += i % 2 ? "ab B-X\ncd O\n\n" : "cd O\nba B-X\n\n";
  ASSERT_EQ(finetune("texts", {"--adapt", "lora"}).code, 0);
  ASSERT_EQ(finetune("words",
                     {"--adapt", "lora", "--task", "tokens", "--train", file("train.conll", words)})
                .code,
            0);
  const Arguments texts{"--adapter", folder_ / "texts"}, tags{"--adapter", folder_ / "words"},
      input{"--input", file("in.jsonl", R"({"text": "ab", "adapter": "texts"})"
                                        "\n")};
  for (const auto& [first, second] : {std::pair(texts, tags), std::pair(tags, texts)}) {
    Arguments all = first;
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), input.begin(), input.end());
    expect_failure(predict("base", all), 3, "need rows of different kinds");
  }
}

// Words, numbers and candidates in the words of the data.
TEST_F(Finetune, OtherTasksAnswerInTheirForm) {
  std::string words, pairs = "text,other,label\n", choices;
  for (int i = 0; i < 24; ++i) {
    words += "ab B-X\nba I-X\ncd O\n\n";
    words += i % 2 ? "cd O\n\n" : "ab B-X\nde O\n\n";
    pairs += "ab,cd," + std::to_string(i) + ".25\n";
    choices += "{\"text\": \"ab\", \"choices\": [\"ab\", \"cd\"], \"label\": \"" +
               std::string(i % 3 ? "A" : "B") + "\"}\n";
  }
  const Arguments tokens{"--task", "tokens", "--train", file("train.conll", words)};
  ASSERT_EQ(finetune("tokens", tokens).code, 0);
  const std::string sentence = "zz ab ba\n";
  const std::vector<Json> tagged =
      lines_of(predict("tokens", {"--input", file("one.txt", sentence)}).out);
  ASSERT_EQ(tagged.size(), 1u);
  for (const Json& entity : tagged[0].at("entities").as_array()) {
    const auto begin = static_cast<std::size_t>(entity.at("begin").as_int());
    const auto end = static_cast<std::size_t>(entity.at("end").as_int());
    EXPECT_EQ(entity.at("text").as_string(), sentence.substr(begin, end - begin));
    EXPECT_EQ(entity.at("label").as_string(), "X");
  }
  ASSERT_EQ(finetune("numbers", {"--task", "similarity", "--train", file("n.csv", pairs)}).code, 0);
  const std::vector<Json> scores =
      lines_of(predict("numbers", {"--input", file("m.csv", "text,other\nab,cd\ncd,ab\n")}).out);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].at("score").as_double(), scores[1].at("score").as_double());
  ASSERT_EQ(finetune("choice", {"--task", "choice", "--train", file("c.jsonl", choices)}).code, 0);
  const Result chosen = predict("choice", {"--input", folder_ / "c.jsonl"});
  ASSERT_EQ(chosen.code, 0) << chosen.err;
  const std::vector<Json> picks = lines_of(chosen.out);
  ASSERT_EQ(picks.size(), 24u);
  EXPECT_TRUE(picks[0].at("label").as_string() == "A" || picks[0].at("label").as_string() == "B");
  EXPECT_NEAR(picks[0].at("probabilities").at("A").as_double() +
                  picks[0].at("probabilities").at("B").as_double(),
              1, 1e-12);
}

}  // namespace
}  // namespace cli_test
