// Several models, their adapters and fine-tuned models behind one port.
#include "serve/registry.h"

#include <cmath>
#include <fstream>
#include <future>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/adapter_targets.h"
#include "nn/parameters.h"
#include "tasks/finetune.h"
#include "tests/base/expect_error.h"
#include "tests/serve/running_server.h"
#include "tests/tasks/tiny_model.h"

namespace stemma::serve {
namespace {

namespace fs = std::filesystem;
using testing::RunningServer;

// Every parameter random, those too that begin at zero.
class LoudWeights final : public nn::WeightSource {
 public:
  Weight load(const nn::ParameterSpec& spec) override {
    nn::ParameterSpec loud = spec;
    loud.init = nn::Init::normal(0.5);
    return fresh_.load(loud);
  }

 private:
  nn::FreshWeights fresh_{3};
};

void write_adapter(const fs::path& folder, const fs::path& base, const nn::AdapterSpec& spec) {
  const checkpoint::ConfigFile config = checkpoint::read_config_file(base / "config.json");
  std::vector<checkpoint::NamedTensor> tensors;
  LoudWeights source;
  for (const nn::ParameterSpec& p : nn::survey([&](nn::WeightSource& s) { nn::Adapter(s, spec); }))
    tensors.push_back({p.name, source.load(p).value()});
  fs::create_directories(folder);
  checkpoint::write_adapter(
      folder, {config, spec, tensors, base.string(), Json::object({{"lora_alpha", 8}})});
}

ModelConfig config_of(const fs::path& model) {
  return checkpoint::read_config_file(model / "config.json").model;
}

nn::AdapterSpec lora(const fs::path& model) {
  const ModelConfig config = config_of(model);
  return checkpoint::low_rank_spec(checkpoint::units_named(config, {"all"}),
                                   {.rank = 4, .alpha = 8});
}

class RegistryTest : public ::testing::Test {
 protected:
  static const fs::path& base() {
    static const TemporaryFolder folder;
    static const fs::path path = [] {
      tasks::write_tiny_model(folder / "base", "gpt2", 0);
      write_adapter(folder / "poems", folder / "base", lora(folder / "base"));
      write_adapter(folder / "prefix", folder / "base",
                    checkpoint::virtual_token_spec(config_of(folder / "base"),
                                                   nn::AdapterSpec::Kind::prefix, 5));
      return folder.path();
    }();
    return path;
  }
  static std::string written(const RunningServer& server, const std::string& model) {
    return server
        .post("/v1/completions",
              R"({"model":")" + model + R"(","prompt":"abc","max_tokens":12,"temperature":0})")
        .at("choices")
        .as_array()[0]
        .at("text")
        .as_string();
  }
};

TEST_F(RegistryTest, AdaptersAnswerUnderIdsOfTheirOwn) {
  RunningServer server;
  EXPECT_EQ(server.models().open({.path = base() / "base"}), "base");
  EXPECT_EQ(server.models().open({.path = base() / "poems"}), "poems");
  EXPECT_EQ(server.models().open({.id = "tuned", .path = base() / "prefix"}), "tuned");
  const std::string plain = written(server, "base"), poems = written(server, "poems"),
                    tuned = written(server, "tuned");
  EXPECT_NE(plain, poems);
  EXPECT_NE(plain, tuned);
  EXPECT_NE(poems, tuned);
  // All at once, again and again: the same.
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 12; ++i)
    answers.push_back(std::async(std::launch::async, [&server, i] {
      return written(server, i % 3 == 0 ? "base" : i % 3 == 1 ? "poems" : "tuned");
    }));
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(answers[static_cast<std::size_t>(i)].get(), i % 3 == 0   ? plain
                                                          : i % 3 == 1 ? poems
                                                                       : tuned);
  // As the adapter opened with its model.
  const auto model = infer::LoadedModel::open({.path = base() / "base",
                                               .tokenizer = "",
                                               .adapter = base() / "poems",
                                               .merge_adapter = false,
                                               .threads = 1});
  infer::Engine engine(model);
  infer::Request request;
  model.tokenizer().encode("abc", request.prompt);
  request.options.max_tokens = 12;
  // JSON has no bytes that are no UTF-8.
  EXPECT_EQ(Json::parse(Json(engine.run({request}).front().text).dump(), "text").as_string(),
            poems);

  const Json list = server.ask("GET", "/v1/models").at("data");
  ASSERT_EQ(list.as_array().size(), 3u);
  EXPECT_EQ(list.as_array()[1].at("id").as_string(), "poems");
  EXPECT_EQ(list.as_array()[1].at("stemma").at("base").as_string(), "base");
  EXPECT_EQ(server.ask("GET", "/v1/models/tuned").at("max_model_len").as_int(), 59);
  EXPECT_EQ(server.ask("GET", "/v1/models/base").at("max_model_len").as_int(), 64);
  EXPECT_NE(server.refused("/v1/completions", R"({"prompt":"a"})").find("'model' is missing"),
            std::string::npos);
  EXPECT_NE(server.refused("/v1/completions", R"({"model":"x","prompt":"a"})", 404)
                .find("there is base, poems, tuned"),
            std::string::npos);
  EXPECT_NE(server.refused("/v1/embeddings", R"({"model":"poems","input":"a"})").find("adapter"),
            std::string::npos);
}

TEST_F(RegistryTest, ModelsComeAndGoByAnAdminKey) {
  const TemporaryFolder keys;
  std::ofstream(keys / "admin") << "admin-key-1\n";
  RunningServer server({.http = {}, .keys = {}, .admin_keys = Keys::of_file(keys / "admin")});
  server.models().open({.path = base() / "base"});
  const std::string key = "Authorization: Bearer admin-key-1\r\n";
  const auto load = [&](const fs::path& path, const std::string& more, int status) {
    return server.ask("POST", "/admin/models", R"({"path":")" + path.string() + "\"" + more + "}",
                      status, key);
  };
  EXPECT_EQ(server.ask("POST", "/admin/models", R"({"path":"/x"})", 401)
                .at("error")
                .at("code")
                .as_string(),
            "invalid_api_key");
  EXPECT_EQ(load(base() / "poems", "", 200).at("stemma").at("base").as_string(), "base");
  EXPECT_NE(written(server, "poems"), written(server, "base"));
  load(base() / "poems", "", 400);                           // the id is taken
  load(base() / "poems", R"(,"id":"a b")", 400);             // no id
  load(base() / "nothing", "", 404);                         // no such folder
  load(base() / "base", R"(,"id":"c","base":"base")", 400);  // no adapter
  load(base() / "poems", R"(,"id":"c","base":"poems")", 400);
  load(base() / "poems", R"(,"bass":"base")", 400);
  EXPECT_EQ(load(base() / "base", R"(,"id":"second")", 200).at("id").as_string(), "second");
  const auto remove = [&](const std::string& id, int status) {
    return server.ask("DELETE", "/admin/models/" + id, "", status, key);
  };
  // A model stays as long as its adapters do.
  EXPECT_NE(remove("base", 400).at("error").at("message").as_string().find("remove it first"),
            std::string::npos);
  EXPECT_TRUE(remove("poems", 200).at("deleted").as_bool());
  EXPECT_TRUE(remove("base", 200).at("deleted").as_bool());
  remove("base", 404);
  EXPECT_EQ(written(server, "second").size(), written(server, "second").size());
  server.refused("/v1/completions", R"({"model":"base","prompt":"a"})", 404);
  server.ask("PUT", "/admin/models", "", 405, key);
}

// Who is being answered while the model goes is answered to the end.
TEST_F(RegistryTest, WhatIsUnderWayOutlivesItsModel) {
  RunningServer server;
  server.models().open({.path = base() / "base"});
  testing::Connection connection(server.port());
  connection.request("POST", "/v1/completions",
                     R"({"prompt":"abc","max_tokens":50,"stream":true,"temperature":0})");
  connection.more();
  EXPECT_TRUE(server.models().remove("base"));
  EXPECT_NE(connection.answer().body.find("[DONE]"), std::string::npos);
  while (!server.models().forget_removed())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(server.models().remove("base"));
  EXPECT_ERROR(server.models().open({.path = base() / "poems"}), ErrorCode::invalid_argument,
               "is an adapter of");
}

TEST_F(RegistryTest, WithoutAnAdminKeyNobodyLoadsModels) {
  const RunningServer server;
  EXPECT_EQ(
      server.post("/admin/models", R"({"path":"/x"})", 403).at("error").at("code").as_string(),
      "admin_disabled");
}

// Fine-tuned on tiny rows: what it answers is what the library answers.
class ClassifyTest : public ::testing::Test {
 protected:
  static const fs::path& folder() {
    static const TemporaryFolder folder;
    static const fs::path path = [] {
      tasks::write_tiny_model(folder / "bert", "bert");
      tasks::write_tiny_csv(folder / "train.csv", 48);
      tasks::FinetuneRecipe r;
      r.model = (folder / "bert").string();
      r.train = (folder / "train.csv").string();
      r.epochs = 1;
      r.threads = 1;
      r.small_changes = false;
      tasks::run_finetune(r, folder / "words", train::Resume::never);
      std::ofstream pairs(folder / "pairs.tsv");
      pairs << "first\tsecond\tscore\n";
      for (int i = 0; i < 40; ++i)
        pairs << tasks::tiny_text(i, i % 2 == 0) << "\t" << tasks::tiny_text(i + 1, i % 3 == 0)
              << "\t" << i % 5 << ".5\n";
      pairs.close();
      r.task = "similarity";
      r.problem = "regression";
      r.train = (folder / "pairs.tsv").string();
      r.columns.text_columns = {"first"};
      r.columns.second_column = "second";
      r.columns.label_column = "score";
      tasks::run_finetune(r, folder / "pairs", train::Resume::never);
      return folder.path();
    }();
    return path;
  }
  void SetUp() override {
    server_.models().open({.path = folder() / "words"});
    server_.models().open({.path = folder() / "pairs"});
    server_.models().open({.path = folder() / "bert"});
  }
  RunningServer server_;
};

TEST_F(ClassifyTest, AnswersAsPredictDoes) {
  const auto model = tasks::TaskModel::open(folder() / "words", {.threads = 1});
  std::vector<labelled::Row> rows(3);
  rows[0].text = "ab b a", rows[1].text = "k m", rows[2].text = "z";
  const auto wanted = model.answer(rows).predictions;
  const Json answer =
      server_.post("/v1/classify", R"({"model":"words","input":["ab b a","k m",{"text":"z"}]})");
  EXPECT_EQ(answer.at("task").as_string(), "classification");
  ASSERT_EQ(answer.at("data").as_array().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& row = answer.at("data").as_array()[i];
    EXPECT_EQ(row.at("index").as_int(), static_cast<std::int64_t>(i));
    EXPECT_NEAR(row.at("probabilities").at("one").as_double(), wanted[i].probabilities[0], 1e-6);
  }
  EXPECT_GT(answer.at("usage").at("total_tokens").as_int(), 6);
  // Many clients at once get what each gets alone.
  std::vector<std::future<Json>> answers;
  for (int i = 0; i < 16; ++i)
    answers.push_back(std::async(std::launch::async, [&, i] {
      return server_.post("/v1/classify",
                          R"({"model":"words","input":")" + tasks::tiny_text(i, true) + "\"}");
    }));
  for (int i = 0; i < 16; ++i) {
    std::vector<labelled::Row> row(1);
    row[0].text = tasks::tiny_text(i, true);
    EXPECT_NEAR(answers[static_cast<std::size_t>(i)]
                    .get()
                    .at("data")
                    .as_array()[0]
                    .at("probabilities")
                    .at("one")
                    .as_double(),
                model.answer(row).predictions[0].probabilities[0], 1e-6);
  }
}

TEST_F(ClassifyTest, SaysWhatIsWrong) {
  const auto wrong = [&](const std::string& body, const std::string& part) {
    const std::string message = server_.refused("/v1/classify", body);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  wrong(R"({"model":"words"})", "'input' is missing");
  wrong(R"({"model":"words","input":[]})", "1 to 2048");
  wrong(R"({"model":"words","input":"  "})", "'input' must not be empty");
  wrong(R"({"model":"words","input":["a",7]})", "'input[1]' must be an object with 'text'");
  wrong(R"({"model":"words","input":{"text":"a","second":"b"}})", "input.second");
  wrong(R"({"model":"pairs","input":"a"})", "'text' and 'second'");
  wrong(R"({"model":"pairs","input":{"text":"a"}})", "'input.second' is missing");
  wrong(R"({"model":"bert","input":"a"})", "no head of a task");
  wrong(R"({"model":"words","input":"a","temperature":1})", "temperature");
  EXPECT_NE(server_
                .refused("/v1/chat/completions",
                         R"({"model":"words","messages":[{"role":"user","content":"a"}]})")
                .find("/v1/classify"),
            std::string::npos);
}

TEST_F(ClassifyTest, RanksDocuments) {
  const Json pairs = server_.post(
      "/v1/rerank",
      R"({"model":"pairs","query":"ab","documents":["a b",{"text":"k m"},"z"],"top_n":2})");
  ASSERT_EQ(pairs.at("results").as_array().size(), 2u);
  const Json& best = pairs.at("results").as_array()[0];
  const Json score =
      server_.post("/v1/classify", R"({"model":"pairs","input":{"text":"ab","second":)" +
                                       best.at("document").at("text").dump() + "}}");
  EXPECT_NEAR(best.at("relevance_score").as_double(),
              score.at("data").as_array()[0].at("score").as_double(), 1e-5);
  EXPECT_GE(best.at("relevance_score").as_double(),
            pairs.at("results").as_array()[1].at("relevance_score").as_double());
  // By vectors a text is nearest to itself.
  const Json vectors = server_.post(
      "/v1/rerank",
      R"({"model":"bert","query":"k m","documents":["a b","k m"],"return_documents":false})");
  EXPECT_EQ(vectors.at("results").as_array()[0].at("index").as_int(), 1);
  EXPECT_NEAR(vectors.at("results").as_array()[0].at("relevance_score").as_double(), 1, 1e-5);
  EXPECT_EQ(vectors.at("results").as_array()[0].find("document"), nullptr);
  EXPECT_NE(server_.refused("/v1/rerank", R"({"model":"words","query":"a","documents":["b"]})")
                .find("pairs"),
            std::string::npos);
  EXPECT_NE(server_.refused("/v1/rerank", R"({"model":"bert","query":"a","documents":[""]})")
                .find("documents[0]"),
            std::string::npos);
}

TEST(RateLimits, AreOfAKey) {
  const TemporaryFolder keys;
  std::ofstream(keys / "keys") << "slow-key-1 2\nfree-key-1\n";
  RunningServer server({.http = {}, .keys = Keys::of_file(keys / "keys")});
  const auto status = [&](const std::string& key) {
    return testing::ask(server.port(), "POST", "/tokenize", R"({"text":"a"})",
                        "Authorization: Bearer " + key + "\r\n");
  };
  EXPECT_EQ(status("slow-key-1").status, 400);  // no model is served
  EXPECT_EQ(status("slow-key-1").status, 400);
  const auto refused = status("slow-key-1");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.head.find("Retry-After: 30"), std::string::npos) << refused.head;
  EXPECT_NE(refused.body.find("rate_limit_exceeded"), std::string::npos);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status("free-key-1").status, 400);
  std::ofstream(keys / "bad") << "some-key-1 -2\n";
  EXPECT_ERROR(Keys::of_file(keys / "bad"), ErrorCode::corrupt, "line 1");
}

}  // namespace
}  // namespace stemma::serve
