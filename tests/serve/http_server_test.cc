#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "serve/http/server.h"
#include "tests/base/expect_error.h"
#include "tests/serve/http_client.h"

namespace stemma::serve {
namespace {

using testing::ask;
using testing::Connection;
using namespace std::chrono_literals;

// A server on a thread of its own. /echo gives the body back, /stream three pieces, /hold waits for
// the test.
class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpOptions options = {}) {
    options.port = 0;
    options.log = [this](const AccessRecord& r) {
      const std::lock_guard lock(mutex_);
      log_.push_back(r);
    };
    server_ = std::make_unique<HttpServer>(
        std::move(options), [this](std::shared_ptr<Exchange> e) { handle(std::move(e)); });
    port_ = server_->port();
    thread_ = std::thread([this] { server_->run(Interrupt(stop_)); });
  }
  void stop() {
    stop_ = 1;
    if (thread_.joinable()) thread_.join();
  }
  void TearDown() override {
    held_.reset();
    stop();
  }

  void handle(std::shared_ptr<Exchange> exchange) {
    const HttpRequest& r = exchange->request();
    if (r.path == "/echo")
      return exchange->respond(
          {.content_type = "text/plain", .body = r.body, .headers = {{"x-query", r.query}}});
    if (r.path == "/drop") return;
    if (r.path == "/broken") {
      exchange->begin({.content_type = "text/plain"}, "");
      return exchange->write("half");
    }
    if (r.path == "/race") {
      const std::lock_guard lock(mutex_);
      exchange->begin({.content_type = "text/plain"}, "");
      writers_.emplace_back([exchange] {
        exchange->write("a");
        exchange->write("b");
        exchange->end();
      });
      return;
    }
    if (r.path == "/stream") {
      exchange->begin({.content_type = "text/plain"}, "");
      for (const char* piece : {"one ", "two ", "three"}) exchange->write(piece);
      return exchange->end();
    }
    if (r.path == "/flood") {
      exchange->begin({.content_type = "text/plain"}, "");
      for (int i = 0; i < 200; ++i) exchange->write(std::string(100'000, 'x'));
    }
    const std::lock_guard lock(mutex_);
    held_ = std::move(exchange);
  }
  std::shared_ptr<Exchange> held() {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (held_) return held_;
      }
      std::this_thread::sleep_for(5ms);
    }
    throw std::runtime_error("no request was held");
  }
  template <class Holds>
  static bool eventually(Holds holds) {
    for (int i = 0; i < 2000 && !holds(); ++i) std::this_thread::sleep_for(5ms);
    return holds();
  }

  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::atomic<int> stop_{0};
  std::thread thread_;
  std::mutex mutex_;
  std::shared_ptr<Exchange> held_;
  std::vector<AccessRecord> log_;
  std::vector<std::thread> writers_;
};

// The head from the server's thread, the rest from another one: in the order in which they came.
TEST_F(HttpServerTest, PiecesKeepTheirOrder) {
  start();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(ask(port_, "GET", "/race").body, "ab");
  for (std::thread& writer : writers_) writer.join();
}

TEST_F(HttpServerTest, AnswersOnOneConnection) {
  start();
  Connection connection(port_);
  connection.request("POST", "/echo/?a=b", "some text", "x-request-id: mine-7\r\n");
  const auto first = connection.answer();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "some text");
  EXPECT_NE(first.head.find("x-query: a=b"), std::string::npos);
  EXPECT_NE(first.head.find("x-request-id: mine-7"), std::string::npos);
  connection.request("GET", "/stream");
  EXPECT_EQ(connection.answer().body, "one two three");
  // Of HEAD the head alone.
  Connection head(port_);
  head.send("HEAD /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.closed());
  EXPECT_TRUE(head.buffer().starts_with("HTTP/1.1 200 OK\r\n")) << head.buffer();
  EXPECT_TRUE(head.buffer().ends_with("\r\n\r\n")) << head.buffer();
  EXPECT_EQ(ask(port_, "GET", "/drop").status, 500);
  // A stream that nobody goes on with has no end that a client could take for one.
  Connection broken(port_);
  broken.request("GET", "/broken");
  EXPECT_TRUE(broken.closed());
  EXPECT_EQ(broken.buffer().find("\r\n0\r\n"), std::string::npos) << broken.buffer();
  // Two requests sent at once are answered in their order.
  Connection both(port_);
  both.send(
      "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\naPOST /echo HTTP/1.1\r\n"
      "Content-Length: 1\r\nConnection: close\r\n\r\nb");
  EXPECT_EQ(both.answer().body, "a");
  EXPECT_EQ(both.answer().body, "b");
  EXPECT_TRUE(both.closed());
  // HTTP/1.0 has no chunks: the end is the end of the connection.
  Connection old(port_);
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.closed());
  EXPECT_TRUE(old.buffer().ends_with("\r\n\r\none two three")) << old.buffer();
}

TEST_F(HttpServerTest, RefusesWhatIsTooLongOrNoHttp) {
  start({.most_head_bytes = 2000, .most_body_bytes = 1000});
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(1000, 'x')).status, 200);
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(1001, 'x')).status, 413);
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(5'000'000, 'x')).status, 413);
  EXPECT_EQ(ask(port_, "GET", "/" + std::string(3000, 'a')).status, 431);
  Connection chunked(port_);
  chunked.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.answer().status, 413);
  for (const char* nonsense :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n", "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    Connection connection(port_);
    connection.send(nonsense);
    EXPECT_EQ(connection.answer().status, 400) << nonsense;
    EXPECT_TRUE(connection.closed());
  }
  EXPECT_EQ(ask(port_, "POST", "/echo", "still there").body, "still there");
}

TEST_F(HttpServerTest, BodiesTogetherAreLimited) {
  start({.most_body_bytes = 1000, .most_bodies_bytes = 1500});
  Connection first(port_);
  first.request("POST", "/hold", std::string(900, 'x'));
  const std::shared_ptr<Exchange> exchange = held();
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(700, 'x')).status, 503);
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(500, 'x')).status, 200);
  exchange->respond({});
  EXPECT_EQ(first.answer().status, 200);
  EXPECT_EQ(ask(port_, "POST", "/echo", std::string(900, 'x')).status, 200);
}

TEST_F(HttpServerTest, SlowClientsAreGivenUp) {
  start({.header_timeout = 300ms, .body_timeout = 300ms, .idle_timeout = 300ms});
  Connection silent(port_), slow(port_), half(port_);
  slow.send("GET / HT");
  half.send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  // A byte at a time: the time of the head is that of all its bytes.
  Connection loris(port_);
  for (int i = 0; i < 30; ++i) {
    loris.send("G");
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(loris.answer().status, 408);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(silent.buffer(), "");
  EXPECT_EQ(slow.answer().status, 408);
  EXPECT_EQ(half.answer().status, 408);
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, AClientThatLeavesIsNoticed) {
  start();
  for (const bool begun : {false, true}) {
    Connection connection(port_);
    connection.request("GET", "/hold");
    const std::shared_ptr<Exchange> exchange = held();
    EXPECT_FALSE(exchange->gone().requested());
    if (begun) {
      exchange->begin({}, "");
      exchange->write("something");
    }
    connection.close();
    EXPECT_TRUE(eventually([&] { return exchange->gone().requested(); }));
    exchange->write("nobody reads this");
    exchange->end();
    const std::lock_guard lock(mutex_);
    held_.reset();
  }
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(log_.size(), 2u);
  EXPECT_TRUE(log_[0].left && log_[1].left);
}

TEST_F(HttpServerTest, AnAnswerThatNobodyReadsEnds) {
  start({.most_backlog = 1'000'000, .write_timeout = 10'000ms});
  Connection connection(port_);
  connection.request("GET", "/flood");
  const std::shared_ptr<Exchange> exchange = held();
  EXPECT_TRUE(eventually([&] { return exchange->gone().requested(); }));
}

TEST_F(HttpServerTest, LongSilenceIsFilled) {
  start({.heartbeat = 50ms});
  Connection connection(port_);
  connection.request("GET", "/hold");
  const std::shared_ptr<Exchange> exchange = held();
  exchange->begin({.content_type = "text/event-stream"}, ": still here\n\n");
  while (connection.buffer().find("still here") == std::string::npos) connection.more();
  exchange->write("data: x\n\n");
  exchange->end();
  EXPECT_NE(connection.answer().body.find("data: x"), std::string::npos);
}

TEST_F(HttpServerTest, MoreConnectionsThanItMayHave) {
  start({.most_connections = 2});
  Connection first(port_), second(port_);
  EXPECT_TRUE(eventually([&] { return server_->connections() == 2; }));
  Connection third(port_);
  EXPECT_EQ(third.answer().status, 503);
  first.close();
  EXPECT_TRUE(eventually([&] { return server_->connections() < 2; }));
  EXPECT_EQ(ask(port_, "POST", "/echo", "x").status, 200);
}

TEST_F(HttpServerTest, DrainsBeforeItEnds) {
  start({.drain_timeout = 5000ms});
  Connection idle(port_), busy(port_);
  busy.request("GET", "/hold");
  const std::shared_ptr<Exchange> exchange = held();
  stop_ = 1;
  EXPECT_TRUE(idle.closed());
  EXPECT_THROW(Connection{port_}, std::runtime_error);
  exchange->respond({.body = "the end"});
  EXPECT_EQ(busy.answer().body, "the end");
  EXPECT_TRUE(busy.closed());
  thread_.join();
}

TEST_F(HttpServerTest, DrainingHasAnEnd) {
  start({.drain_timeout = 200ms});
  Connection busy(port_);
  busy.request("GET", "/hold");
  const std::shared_ptr<Exchange> exchange = held();
  stop();
  EXPECT_TRUE(busy.closed());
  exchange->respond({.body = "too late"});
}

TEST_F(HttpServerTest, WhatIsGivenUpIsAnsweredAndNoted) {
  std::shared_ptr<Exchange> exchange;
  start({.drain_timeout = 100ms,
         .give_up = [&] { exchange->respond({.status = 503, .body = "shutting down"}); }});
  Connection busy(port_), silent(port_);
  busy.request("GET", "/hold");
  exchange = held();
  held_.reset();
  silent.request("GET", "/hold");
  const std::shared_ptr<Exchange> never = held();
  stop_ = 1;
  EXPECT_EQ(busy.answer().status, 503);
  EXPECT_TRUE(silent.closed());
  stop();
  ASSERT_EQ(log_.size(), 2u);
  EXPECT_EQ(log_[0].status, 503);
  EXPECT_TRUE(log_[1].left);
  never->respond({.body = "too late"});
}

TEST_F(HttpServerTest, ACodingThatIsNotKnownIsSaid) {
  start({});
  Connection connection(port_);
  connection.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nx");
  EXPECT_EQ(connection.answer().status, 501);
}

TEST(HttpServerOptions, PlacesThatCannotBeListenedOn) {
  const auto handler = [](const std::shared_ptr<Exchange>&) {};
  EXPECT_ERROR(HttpServer({.host = "no address"}, handler), ErrorCode::invalid_argument,
               "no address");
  EXPECT_ERROR(HttpServer({.host = "203.0.113.9"}, handler), ErrorCode::device, "203.0.113.9");
  HttpServer one({.port = 0}, handler);
  EXPECT_ERROR(HttpServer({.port = one.port()}, handler), ErrorCode::device, "another --port");
}

}  // namespace
}  // namespace stemma::serve
