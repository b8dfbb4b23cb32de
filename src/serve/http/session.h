// One connection of the HTTP server: reads a request, lets the handler answer it, and reads the
// next one. Private to serve/http. All of it runs on the server's thread; SessionExchange is what
// other threads see.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "serve/http/server.h"

namespace stemma::serve {

// What sessions share with their server.
struct SessionHost {
  const HttpOptions& options;
  const Handler& handler;
  std::atomic<std::size_t>& connections;
  std::size_t& bodies_bytes;
  const bool& draining;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, SessionHost host);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Answers at once and closes: the server is full.
  void refuse();
  // No more requests: closes at once where none is under way.
  void drain();
  void close();
  // Closes; what is under way ends here, and is noted in the access log.
  void cut() { lost(); }

  // Of the exchange with this number, from the server's thread.
  void respond(std::uint64_t number, HttpResponse response);
  void begin(std::uint64_t number, const HttpResponse& head, std::string heartbeat);
  void write(std::uint64_t number, std::string_view piece);
  void end(std::uint64_t number);
  void abandon(std::uint64_t number);
  // What is posted there runs in the order of the posts, whichever thread they come from; the
  // loop's own executor does not promise that.
  const auto& ordered() const { return ordered_; }

 private:
  void read_head(bool first);
  void on_head(boost::beast::error_code error);
  bool reserve_body();
  void release_body();
  void read_body();
  void on_body(boost::beast::error_code error);
  HttpRequest take_request();
  void watch_for_leaving();
  void fail(int status, const std::string& message);
  std::string head_text(const HttpResponse& head, const std::string& framing);
  void queue(std::string bytes);
  void set_deadline(std::chrono::milliseconds time);
  void clear_deadline();
  void flush();
  void on_flushed(boost::beast::error_code error);
  void finish_exchange();
  void linger();
  void lost();
  void beat();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::strand<boost::asio::any_io_executor> ordered_;
  SessionHost host_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  // Of what is being read or written. A socket that is only cancelled can still be answered on.
  boost::asio::steady_timer deadline_, heartbeat_timer_;
  std::uint64_t deadline_number_ = 0;
  bool late_ = false;
  std::string heartbeat_;
  std::deque<std::string> out_;
  std::size_t out_bytes_ = 0;
  bool writing_ = false, beaten_ = false;

  // Of the exchange that is under way.
  std::uint64_t number_ = 0;
  bool answering_ = false;  // from the request to the end of its answer
  bool begun_ = false, ended_ = false, keep_alive_ = false, chunked_ = false, head_only_ = false;
  bool closed_ = false;
  std::size_t body_bytes_ = 0;                                // that its body may take
  std::vector<std::pair<std::string, std::string>> headers_;  // of the answer, whatever it is
  std::weak_ptr<Exchange> exchange_;
  AccessRecord record_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace stemma::serve
