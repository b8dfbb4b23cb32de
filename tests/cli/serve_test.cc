// The server and its load generator as programs.
#include <regex>

#include <sys/stat.h>

#include "tests/cli/program.h"
#include "tests/serve/http_client.h"

namespace {

using cli_test::Result;
using cli_test::run;
using cli_test::Running;
using stemma::Json;
using stemma::serve::testing::ask;

class Serve : public testing::Test {
 protected:
  void SetUp() override {
    cli_test::write_text(folder_ / "text", cli_test::sample_text(400));
    const Result r = run({"train", "--data", file("text"), "--run", file("run"), "--steps", "2",
                          "--depth", "1", "--sequence-length", "64", "--batch", "2", "--tokenizer",
                          "bytes", "--precision", "f32"});
    ASSERT_EQ(r.code, 0) << r.err;
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  // Starts a server on a free port, which it returns.
  std::uint16_t start(std::vector<std::string> more = {}, const char* out = nullptr) {
    std::vector<std::string> arguments = {"serve", "--model", file("run"), "--port", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    server_ = std::make_unique<Running>(arguments, out);
    std::smatch match;
    std::string text;
    const bool listens = Running::wait_for([&] {
      text = server_->err_so_far();
      return std::regex_search(text, match, std::regex("listening on http://127.0.0.1:([0-9]+)\n"));
    });
    EXPECT_TRUE(listens) << text;
    return listens ? static_cast<std::uint16_t>(std::stoi(match[1])) : 0;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Running> server_;
};

TEST_F(Serve, AnswersUntilItIsToldToEnd) {
  const std::uint16_t port = start({"--name", "tiny"});
  const auto a = ask(port, "POST", "/v1/completions",
                     R"({"model":"tiny","prompt":"the tree","max_tokens":5,"seed":1})");
  EXPECT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(Json::parse(a.body, "answer").at("usage").at("completion_tokens").as_int(), 5);
  // A second one on the same port says so and ends.
  const Result second = run({"serve", "--model", file("run"), "--port", std::to_string(port)});
  EXPECT_EQ(second.code, 4);
  EXPECT_NE(second.err.find("another --port"), std::string::npos) << second.err;
  // An answer that is under way is finished first.
  stemma::serve::testing::Connection busy(port);
  busy.request("POST", "/v1/completions",
               R"({"prompt":"a","max_tokens":40,"ignore_eos":true,"stream":true})");
  while (busy.buffer().find("data: ") == std::string::npos) busy.more();
  server_->send(SIGTERM);
  EXPECT_NE(busy.answer().body.find("[DONE]"), std::string::npos);
  const Result end = server_->wait();
  EXPECT_EQ(end.code, 143) << end.err;
  // The access log: a line for each answer, without texts.
  std::istringstream lines(end.out);
  std::vector<Json> log;
  for (std::string line; std::getline(lines, line);) log.push_back(Json::parse(line, "log"));
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].at("path").as_string(), "/v1/completions");
  EXPECT_EQ(log[0].at("status").as_int(), 200);
  EXPECT_EQ(end.out.find("the tree"), std::string::npos);
}

// The weights are in memory: whoever writes a new model into the folder disturbs nobody.
TEST_F(Serve, AModelThatIsReplacedGoesOnAsItWas) {
  const std::uint16_t port = start();
  const auto text = [&] {
    return Json::parse(ask(port, "POST", "/v1/completions",
                           R"({"prompt":"the tree","max_tokens":20,"temperature":0})")
                           .body,
                       "answer")
        .at("choices")
        .as_array()[0]
        .at("text")
        .as_string();
  };
  const std::string before = text();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "run"))
    if (entry.path().extension() == ".safetensors" || entry.path().extension() == ".json")
      std::filesystem::resize_file(entry.path(), 0);
  EXPECT_EQ(text(), before);
  std::filesystem::remove_all(folder_ / "run");
  EXPECT_EQ(text(), before);
  server_->send(SIGTERM);
  EXPECT_EQ(server_->wait().code, 143);
}

// A pipe holds some 300 lines; nobody takes them out.
TEST_F(Serve, AnAccessLogThatNobodyReadsStopsNothing) {
  const std::string pipe = file("log");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const std::uint16_t port = start({}, pipe.c_str());
  stemma::serve::testing::Connection connection(port);
  for (int i = 0; i < 700; ++i) {
    connection.request("GET", "/health");
    ASSERT_EQ(connection.answer().status, 200) << i;
  }
  char first[64] = {};
  ASSERT_GT(::read(reader, first, sizeof(first)), 0);
  EXPECT_TRUE(std::string_view(first).starts_with("{\"client\"")) << first;
  server_->send(SIGTERM);
  const Result end = server_->wait();
  EXPECT_EQ(end.code, 143) << end.err;
  ::close(reader);
}

TEST_F(Serve, WhatCannotBeServedIsSaid) {
  const auto code = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"serve", "--port", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments).code;
  };
  EXPECT_EQ(code({"--model", file("nothing")}), 3);
  EXPECT_EQ(code({"--model", file("run"), "--host", "0.0.0.0"}), 2);
  EXPECT_EQ(code({"--model", file("run"), "--host", "nowhere"}), 2);
  EXPECT_EQ(code({"--model", file("run"), "--port", "70000"}), 2);
  EXPECT_EQ(code({"--model", file("run"), "--cache-memory", "10"}), 2);
  EXPECT_EQ(code({"--model", file("run"), "--api-key-file", file("nothing")}), 3);
  EXPECT_EQ(code({}), 2);
}

TEST_F(Serve, LoadMeasuresIt) {
  const std::uint16_t port = start();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  const Result r = run({"load", "--url", url, "--streams", "5", "--requests", "20",
                        "--prompt-words", "1-6", "--output-tokens", "4", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = r.json();
  EXPECT_EQ(json.at("requests").as_int(), 20);
  EXPECT_EQ(json.at("failed").as_int(), 0);
  EXPECT_EQ(json.at("output_tokens").as_int(), 80);
  const Json& first = json.at("first_token_seconds");
  EXPECT_GT(first.at("p50").as_double(), 0);
  EXPECT_LE(first.at("p50").as_double(), first.at("p95").as_double());
  const Result open = run({"load", "--url", url, "--rate", "200", "--requests", "10",
                           "--prompt-words", "3", "--output-tokens", "2", "--leave-share", "0.5"});
  EXPECT_EQ(open.code, 0) << open.err;
  EXPECT_NE(open.out.find("10 requests"), std::string::npos) << open.out;
  // Requests that are refused: exit code 4 where all are, and what the server says.
  const Result refused = run({"load", "--url", url, "--model", "other", "--requests", "2"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("there is no model 'other'"), std::string::npos) << refused.err;
  EXPECT_EQ(run({"load", "--url", "http://127.0.0.1:1/v1", "--requests", "2"}).code, 4);
  EXPECT_EQ(run({"load", "--url", "ftp://x", "--requests", "2"}).code, 2);
  EXPECT_EQ(run({"load", "--url", url, "--requests", "0"}).code, 2);
  EXPECT_EQ(run({"load", "--url", url, "--prompt-words", "9-3"}).code, 2);
}

TEST_F(Serve, LoadMixesRoutes) {
  const std::uint16_t port = start({"--cache-type", "bf16"});
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  const Result r =
      run({"load", "--url", url, "--requests", "40", "--prompt-words", "1-6", "--output-tokens",
           "4", "--routes", "completions", "embeddings=run", "--leave-share", "0.2", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = r.json();
  EXPECT_EQ(json.at("failed").as_int(), 0);
  const Json& routes = json.at("routes");
  EXPECT_GT(routes.at("completions").at("answered").as_int(), 5);
  EXPECT_GT(routes.at("embeddings").at("answered").as_int(), 5);
  EXPECT_EQ(routes.at("completions").at("answered").as_int() +
                routes.at("embeddings").at("answered").as_int() + json.at("left").as_int(),
            40);
  const Result table = run({"load", "--url", url, "--requests", "20", "--prompt-words", "3",
                            "--output-tokens", "2", "--routes", "completions", "embeddings"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("first of embeddings"), std::string::npos) << table.out;
  // A model that gives no classes, and a route that does not exist.
  EXPECT_EQ(run({"load", "--url", url, "--requests", "2", "--routes", "classify"}).code, 4);
  const Result unknown = run({"load", "--url", url, "--requests", "2", "--routes", "images"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("completions, chat, embeddings, classify"), std::string::npos);
}

}  // namespace
