// A server on a free port, on a thread of its own, and the ways to ask it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/server.h"
#include "tests/serve/http_client.h"

namespace stemma::serve::testing {

class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}) {
    options.http.port = 0;
    server_ = std::make_unique<Server>(std::move(options));
    thread_ = std::thread([this] { server_->run(Interrupt(stop_)); });
  }
  ~RunningServer() {
    stop_ = 1;
    thread_.join();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  std::uint16_t port() const { return server_->port(); }
  Registry& models() { return server_->models(); }

  // The answer, which must have this status.
  Json ask(std::string_view method, std::string_view path, std::string_view body = "",
           int status = 200, std::string_view headers = "") const {
    const auto answer = testing::ask(port(), method, path, body, headers);
    EXPECT_EQ(answer.status, status) << path << " " << body << " " << answer.body;
    return Json::parse(answer.body, "answer");
  }
  Json post(std::string_view path, std::string_view body, int status = 200) const {
    return ask("POST", path, body, status);
  }
  // The message of a request that is refused.
  std::string refused(std::string_view path, std::string_view body, int status = 400) const {
    return post(path, body, status).at("error").at("message").as_string();
  }

 private:
  std::unique_ptr<Server> server_;
  std::atomic<int> stop_{0};
  std::thread thread_;
};

}  // namespace stemma::serve::testing
