// The interface that clients see, with a model whose text is known: it writes the alphabet.
#include "serve/server.h"

#include <atomic>
#include <fstream>
#include <map>
#include <regex>
#include <thread>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/infer/model_folder.h"
#include "tests/serve/http_client.h"

namespace stemma::serve {
namespace {

using infer::testing::ChainModel;
using testing::ask;
using testing::Connection;

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override {
    stop_ = 1;
    if (thread_.joinable()) thread_.join();
  }
  void start(ServerOptions options) {
    TearDown();
    stop_ = 0;
    options.http.port = 0;
    options.version = "1.2.3";
    server_ = std::make_unique<Server>(std::move(options));
    server_->models().add("abc", infer::testing::open_f32(letters().folder()),
                          {.slots = 2, .share_prefixes = true});
    thread_ = std::thread([this] { server_->run(Interrupt(stop_)); });
  }
  static const ChainModel& letters() {
    static const ChainModel model("abcdefghijklmnopqrstuvwxyz");
    return model;
  }

  Connection::Answer post(std::string_view path, std::string_view body,
                          std::string_view headers = "") const {
    return ask(server_->port(), "POST", path, body, headers);
  }
  Json answer(std::string_view path, std::string_view body) const {
    const auto a = post(path, body);
    EXPECT_EQ(a.status, 200) << a.body;
    return Json::parse(a.body, "answer");
  }
  // The error of a request that is refused.
  Json refused(std::string_view path, std::string_view body, int status) const {
    const auto a = post(path, body);
    EXPECT_EQ(a.status, status) << body << a.body;
    return Json::parse(a.body, "answer").at("error");
  }
  // The objects of a stream, which must end with [DONE].
  static std::vector<Json> events(const std::string& body) {
    std::vector<Json> list;
    bool done = false;
    for (std::size_t begin = 0; begin < body.size();) {
      const std::size_t end = body.find("\n\n", begin);
      const std::string event = body.substr(begin, end - begin);
      begin = end + 2;
      if (event.starts_with(":")) continue;
      EXPECT_TRUE(event.starts_with("data: ")) << event;
      EXPECT_FALSE(done);
      done = event == "data: [DONE]";
      if (!done) list.push_back(Json::parse(event.substr(6), "event"));
    }
    EXPECT_TRUE(done);
    return list;
  }

  std::unique_ptr<Server> server_;
  std::atomic<int> stop_{0};
  std::thread thread_;
};

TEST_F(ServerTest, CompletesText) {
  const Json a =
      answer("/v1/completions", R"({"model":"abc","prompt":"ab","max_tokens":3,"temperature":0})");
  const Json& choice = a.at("choices").as_array().at(0);
  EXPECT_EQ(choice.at("text").as_string(), "cde");
  EXPECT_EQ(choice.at("finish_reason").as_string(), "length");
  EXPECT_TRUE(choice.at("logprobs").is_null());
  EXPECT_EQ(a.at("object").as_string(), "text_completion");
  EXPECT_EQ(a.at("model").as_string(), "abc");
  EXPECT_EQ(a.at("usage").at("prompt_tokens").as_int(), 2);
  EXPECT_EQ(a.at("usage").at("completion_tokens").as_int(), 3);
  EXPECT_EQ(a.at("usage").at("total_tokens").as_int(), 5);
  // Several prompts with several choices each; end of text and stop strings.
  const Json many = answer("/v1/completions",
                           R"({"prompt":["wx","a"],"n":2,"stop":"d","temperature":0,"seed":1})");
  ASSERT_EQ(many.at("choices").as_array().size(), 4u);
  const std::vector<std::string> texts{"yz", "yz", "bc", "bc"};
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& c = many.at("choices").as_array()[i];
    EXPECT_EQ(c.at("index").as_int(), static_cast<std::int64_t>(i));
    EXPECT_EQ(c.at("text").as_string(), texts[i]);
    EXPECT_EQ(c.at("finish_reason").as_string(), "stop");
  }
  EXPECT_EQ(many.at("usage").at("prompt_tokens").as_int(), 3);  // two choices share a prompt
  const std::string ids = answer("/tokenize", R"({"text":"ab"})").at("tokens").dump();
  EXPECT_EQ(answer("/v1/completions", R"({"prompt":)" + ids + R"(,"max_tokens":1,"temperature":0})")
                .at("choices")
                .as_array()[0]
                .at("text")
                .as_string(),
            "c");
}

TEST_F(ServerTest, EchoWithLogprobsAsEvaluationsAskForIt) {
  const Json a =
      answer("/v1/completions",
             R"({"prompt":"abz","max_tokens":1,"temperature":0,"echo":true,"logprobs":1})");
  const Json& choice = a.at("choices").as_array()[0];
  EXPECT_EQ(choice.at("text").as_string().substr(0, 3), "abz");
  const Json& logprobs = choice.at("logprobs");
  EXPECT_EQ(logprobs.at("tokens").dump().substr(0, 14), R"(["a", "b", "z")");
  const Json::Array& values = logprobs.at("token_logprobs").as_array();
  ASSERT_GE(values.size(), 3u);
  EXPECT_TRUE(values[0].is_null());
  EXPECT_GT(values[1].as_double(), values[2].as_double());  // b follows a, z does not follow b
  const Json& top = logprobs.at("top_logprobs").as_array()[1];
  EXPECT_EQ(top.as_object().size(), 1u);
  EXPECT_EQ(top.at("b").as_double(), values[1].as_double());
  EXPECT_EQ(logprobs.at("text_offset").as_array()[2].as_int(), 2);
  // Nothing is to be written: the prompt alone is scored.
  const Json scored =
      answer("/v1/completions", R"({"prompt":"abz","max_tokens":0,"echo":true,"logprobs":0})");
  EXPECT_EQ(scored.at("choices").as_array()[0].at("text").as_string(), "abz");
  EXPECT_EQ(scored.at("choices").as_array()[0].at("logprobs").at("tokens").as_array().size(), 3u);
}

TEST_F(ServerTest, StreamsWhatItWouldGiveWhole) {
  const auto a = post("/v1/completions", R"({"prompt":"ab","max_tokens":3,"temperature":0,
      "stream":true,"logprobs":1,"stream_options":{"include_usage":true}})");
  EXPECT_NE(a.head.find("text/event-stream"), std::string::npos);
  std::string text, reason;
  std::size_t tokens = 0;
  std::string offsets;
  const std::vector<Json> list = events(a.body);
  for (const Json& event : list) {
    if (event.at("choices").as_array().empty()) {
      EXPECT_EQ(event.at("usage").at("completion_tokens").as_int(), 3);
      EXPECT_EQ(&event, &list.back());
      continue;
    }
    const Json& choice = event.at("choices").as_array()[0];
    text += choice.at("text").as_string();
    reason = choice.get("finish_reason", "");
    if (const Json& logprobs = choice.at("logprobs"); !logprobs.is_null())
      tokens += logprobs.at("tokens").as_array().size(),
          offsets += logprobs.at("text_offset").dump();
  }
  EXPECT_EQ(text, "cde");
  EXPECT_EQ(reason, "length");
  EXPECT_EQ(tokens, 3u);
  EXPECT_EQ(offsets, "[2][3][4]");  // behind the prompt
}

TEST_F(ServerTest, ModelsHealthVersionAndTokens) {
  const auto get = [&](std::string_view path) { return ask(server_->port(), "GET", path); };
  const Json list = Json::parse(get("/v1/models/").body, "models");
  EXPECT_EQ(list.at("object").as_string(), "list");
  EXPECT_EQ(list.at("data").as_array()[0].at("id").as_string(), "abc");
  EXPECT_EQ(Json::parse(get("/v1/models/abc").body, "model").at("object").as_string(), "model");
  EXPECT_EQ(get("/v1/models/other").status, 404);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(Json::parse(get("/version").body, "version").at("version").as_string(), "1.2.3");
  EXPECT_EQ(answer("/tokenize", R"({"text":"ab"})").at("count").as_int(), 2);
  const std::string ids = answer("/tokenize", R"({"text":"hi"})").at("tokens").dump();
  EXPECT_EQ(answer("/detokenize", R"({"tokens":)" + ids + "}").at("text").as_string(), "hi");
  EXPECT_EQ(ask(server_->port(), "OPTIONS", "/v1/completions").status, 204);
}

TEST_F(ServerTest, OtherOriginsAreAllowedByName) {
  start({.http = {}, .origins = {"https://ours.example"}});
  const auto head = [&](std::string_view origin) {
    return ask(server_->port(), "OPTIONS", "/v1/completions", "", origin).head;
  };
  EXPECT_NE(head("Origin: https://ours.example\r\n").find("Allow-Origin: https://ours.example"),
            std::string::npos);
  EXPECT_EQ(head("Origin: https://other.example\r\n").find("Access-Control"), std::string::npos);
  EXPECT_EQ(head("").find("Access-Control"), std::string::npos);
}

// Through the browser of whoever works at this machine.
TEST_F(ServerTest, PagesOfOtherSitesMayNotAskAServerWithoutKeys) {
  start({.http = {}, .origins = {"https://ours.example"}});
  const auto with = [&](std::string_view headers) {
    return ask(server_->port(), "GET", "/v1/models", "", headers).status;
  };
  EXPECT_EQ(with("Origin: https://ours.example\r\n"), 200);
  EXPECT_EQ(with("Origin: http://localhost\r\n"), 200);
  EXPECT_EQ(with("Origin: https://evil.example\r\n"), 403);
  EXPECT_EQ(with("Origin: null\r\n"), 403);
  const auto host = [&](const std::string& name) {
    testing::Connection connection(server_->port());
    connection.send("GET /v1/models HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
    return connection.answer().status;
  };
  EXPECT_EQ(host("127.0.0.1:8080"), 200);
  EXPECT_EQ(host("[::1]:8080"), 200);
  EXPECT_EQ(host("evil.example"), 403);
  EXPECT_EQ(host("127.evil.example"), 403);
}

TEST_F(ServerTest, EmbedsTexts) {
  const Json a = answer("/v1/embeddings", R"({"input":["ab","c"]})");
  ASSERT_EQ(a.at("data").as_array().size(), 2u);
  const Json::Array& values = a.at("data").as_array()[0].at("embedding").as_array();
  double squares = 0;
  for (const Json& x : values) squares += x.as_double() * x.as_double();
  EXPECT_NEAR(squares, 1, 1e-5);
  EXPECT_EQ(a.at("usage").at("total_tokens").as_int(), 3);
  const Json same = answer("/v1/embeddings", R"({"input":[[66,67]],"dimensions":3})");
  EXPECT_EQ(same.at("data").as_array()[0].at("embedding").as_array().size(), 3u);
  const Json packed = answer("/v1/embeddings", R"({"input":"ab","encoding_format":"base64"})");
  EXPECT_EQ(packed.at("data").as_array()[0].at("embedding").as_string().size(),
            (values.size() * 4 + 2) / 3 * 4);
}

TEST_F(ServerTest, SaysWhatIsWrongAndWhere) {
  const auto param = [](const Json& error) { return error.get("param", "null"); };
  const std::map<std::string, std::string> wrong = {
      {R"({"prompt":"a","max_tokenz":1})", "max_tokenz"},
      {R"({"max_tokens":1})", "prompt"},
      {R"({"prompt":{}})", "prompt"},
      {R"({"prompt":[]})", "prompt"},
      {R"({"prompt":["a",7]})", "prompt"},
      {R"({"prompt":[7,100000]})", "prompt"},
      {R"({"prompt":[7,-1]})", "prompt"},
      {R"({"prompt":"a","max_tokens":-1})", "max_tokens"},
      {R"({"prompt":"a","max_tokens":1e300})", "max_tokens"},
      {R"({"prompt":"a","max_tokens":1.5})", "max_tokens"},
      {R"({"prompt":"a","max_tokens":"3"})", "max_tokens"},
      {R"({"prompt":"a","temperature":-0.1})", "temperature"},
      {R"({"prompt":"a","top_p":2})", "top_p"},
      {R"({"prompt":"a","n":0})", "n"},
      {R"({"prompt":"a","n":1000000})", "n"},
      {R"({"prompt":["a","b","c","d","e","f","g","h","i"],"n":128})", "n"},
      {R"({"prompt":"a","stop":["1","2","3","4","5"]})", "stop"},
      {R"({"prompt":"a","stop":""})", "stop"},
      {R"({"prompt":"a","stop":[3]})", "stop"},
      {R"({"prompt":"a","logit_bias":{"x":1}})", "logit_bias"},
      {R"({"prompt":"a","logit_bias":{"99999":1}})", "logit_bias"},
      {R"({"prompt":"a","logit_bias":{"9":1000}})", "logit_bias"},
      {R"({"prompt":"a","suffix":"b"})", "suffix"},
      {R"({"prompt":"a","best_of":3})", "best_of"},
      {R"({"prompt":"a","stream":"yes"})", "stream"},
      {R"({"prompt":"a","stream_options":{"usage":true}})", "stream_options.usage"},
      {R"({"prompt":"a","seed":1e30})", "seed"},
      {R"({"prompt":"a","model":7})", "model"},
  };
  for (const auto& [body, field] : wrong) {
    const Json error = refused("/v1/completions", body, 400);
    EXPECT_EQ(param(error), field) << body;
    EXPECT_EQ(error.at("type").as_string(), "invalid_request_error");
    EXPECT_NE(error.at("message").as_string().find(field.substr(field.find('.') + 1)),
              std::string::npos)
        << error.dump();
  }
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("nonsense"),
        std::string("{\"prompt\": \"\xff\"}"), std::string(), std::string(10'000, '['),
        std::string("{\"prompt\":1,\"prompt\":2}")})
    refused("/v1/completions", body, 400);
  const Json endless =
      refused("/v1/completions", "{\"" + std::string(1'000'000, 'a') + "\":1}", 400);
  EXPECT_LT(endless.at("message").as_string().size(), 200u);
  EXPECT_EQ(
      refused("/v1/completions", R"({"prompt":"aaaaaaaaaaaaaaaaaaaaaaaaa"})", 400).get("code", ""),
      "context_length_exceeded");
  EXPECT_EQ(refused("/v1/completions", R"({"model":"gpt-9","prompt":"a"})", 404).get("code", ""),
            "model_not_found");
  refused("/v1/chat/completions", R"({"messages":[{"role":"king","content":"x"}]})", 400);
  refused("/v1/chat/completions", R"({"messages":[]})", 400);
  // A model without a chat template.
  refused("/v1/chat/completions", R"({"messages":[{"role":"user","content":"x"}]})", 400);
  refused("/v1/embeddings", R"({"input":""})", 400);
  // It would lose its end.
  EXPECT_EQ(refused("/v1/embeddings", R"({"input":["a","abcdefghijklmnopqrstuvwxyz"]})", 400)
                .get("code", ""),
            "context_length_exceeded");
  refused("/v1/chat/completions",
          R"({"messages":[{"role":"user","content":"x"}],"chat_template_kwargs":{"tools":[]}})",
          400);
  refused("/v1/embeddings", R"({"input":"a","dimensions":1000000})", 400);
  refused("/tokenize", "{}", 400);
  refused("/detokenize", R"({"tokens":[99999999]})", 400);
  refused("/nothing", "{}", 404);
  refused("/v1/../etc/passwd", "{}", 404);
  refused("/%00", "{}", 404);
  EXPECT_EQ(ask(server_->port(), "GET", "/v1/completions").status, 405);
  EXPECT_EQ(ask(server_->port(), "DELETE", "/v1/models").status, 405);
  EXPECT_EQ(ask(server_->port(), "GET", "/health").status, 200);
}

TEST_F(ServerTest, KeysAreAskedFor) {
  const TemporaryFolder folder;
  std::ofstream(folder / "keys") << "# ours\nsecret-one\n\nsecret-two\r\n";
  start({.http = {}, .keys = Keys::of_file(folder / "keys")});
  const auto with = [&](std::string_view header) {
    return ask(server_->port(), "GET", "/v1/models", "", header).status;
  };
  EXPECT_EQ(with(""), 401);
  EXPECT_EQ(with("Authorization: Bearer secret-three\r\n"), 401);
  EXPECT_EQ(with("Authorization: Bearer secret-on\r\n"), 401);
  EXPECT_EQ(with("Authorization: Bearer \r\n"), 401);
  EXPECT_EQ(with("Authorization: secret-one\r\n"), 401);
  EXPECT_EQ(with("Authorization: Bearer secret-one\r\n"), 200);
  EXPECT_EQ(with("Authorization: bearer secret-one\r\n"), 200);
  EXPECT_EQ(with("Authorization: Bearer secret-two\r\n"), 200);
  EXPECT_EQ(ask(server_->port(), "GET", "/health").status, 200);
  EXPECT_EQ(ask(server_->port(), "GET", "/metrics").status, 401);
  EXPECT_EQ(ask(server_->port(), "GET", "/nothing").status, 401);
  std::ofstream(folder / "none") << "# nothing\n";
  EXPECT_ERROR(Keys::of_file(folder / "none"), ErrorCode::corrupt, "no key");
  std::ofstream(folder / "short") << "abc\n";
  EXPECT_ERROR(Keys::of_file(folder / "short"), ErrorCode::corrupt, "line 1");
  EXPECT_ERROR(Server({.http = {.host = "0.0.0.0", .port = 0}}), ErrorCode::invalid_argument,
               "--api-key-file");
}

// The exposition format: each metric has its help and type once, buckets ascend, counts agree.
TEST_F(ServerTest, MetricsAreWhatPrometheusReads) {
  answer("/v1/completions", R"({"prompt":"ab","max_tokens":3,"temperature":0})");
  const auto a = ask(server_->port(), "GET", "/metrics");
  EXPECT_NE(a.head.find("text/plain; version=0.0.4"), std::string::npos);
  std::map<std::string, std::string> types;
  std::map<std::string, double> values;
  std::map<std::string, double> last_bucket;
  const std::regex line_form(R"(([a-z0-9_]+)(\{[^}]*\})? ([-+.0-9einfINF]+))");
  std::istringstream lines(a.body);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, kind, name, type;
    if (line.starts_with("#")) {
      words >> mark >> kind >> name >> type;
      if (kind != "TYPE") continue;
      EXPECT_TRUE(types.emplace(name, type).second) << name;
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, line_form)) << line;
    values[match[1].str() + match[2].str()] = std::stod(match[3]);
    if (match[1].str().ends_with("_bucket")) {
      EXPECT_GE(std::stod(match[3]), last_bucket[match[1]]) << line;
      last_bucket[match[1]] = std::stod(match[3]);
    }
  }
  EXPECT_EQ(types.at("stemma_time_to_first_token_seconds"), "histogram");
  EXPECT_EQ(values.at("stemma_time_to_first_token_seconds_count"), 1);
  EXPECT_EQ(values.at("stemma_time_to_first_token_seconds_bucket{le=\"+Inf\"}"), 1);
  EXPECT_EQ(values.at("stemma_generation_tokens_total"), 3);
  EXPECT_EQ(values.at("stemma_prompt_tokens_total"), 2);
  EXPECT_EQ(values.at("stemma_requests_total{path=\"/v1/completions\",code=\"200\"}"), 1);
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1e6);
}

TEST_F(ServerTest, ClientsThatLeaveFreeTheirPlaces) {
  for (int i = 0; i < 20; ++i) {
    Connection connection(server_->port());
    connection.request("POST", "/v1/completions",
                       R"({"prompt":"a","max_tokens":11,"ignore_eos":true,"stream":true})");
    if (i % 2) connection.more();
  }
  const Json a = answer("/v1/completions", R"({"prompt":"p","max_tokens":2,"temperature":0})");
  EXPECT_EQ(a.at("choices").as_array()[0].at("text").as_string(), "qr");
}

}  // namespace
}  // namespace stemma::serve
