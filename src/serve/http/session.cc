#include "serve/http/session.h"

#include <array>
#include <cctype>
#include <random>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using ErrorCode = beast::error_code;

constexpr std::chrono::seconds kLinger{2};

// Passes the calls of any thread to the session's own.
class SessionExchange final : public Exchange {
 public:
  SessionExchange(HttpRequest request, std::shared_ptr<Session> session, std::uint64_t number)
      : Exchange(std::move(request)), session_(std::move(session)), number_(number) {}
  ~SessionExchange() override {
    if (!ended_) post([](Session& s, std::uint64_t n) { s.abandon(n); });
  }

  void respond(HttpResponse response) override {
    ended_ = true;
    post([r = std::move(response)](Session& s, std::uint64_t n) mutable {
      s.respond(n, std::move(r));
    });
  }
  void begin(HttpResponse head, std::string heartbeat) override {
    post([h = std::move(head), b = std::move(heartbeat)](Session& s, std::uint64_t n) mutable {
      s.begin(n, h, std::move(b));
    });
  }
  void write(std::string piece) override {
    post([p = std::move(piece)](Session& s, std::uint64_t n) { s.write(n, p); });
  }
  void end() override {
    ended_ = true;
    post([](Session& s, std::uint64_t n) { s.end(n); });
  }
  void leave() { mark_gone(); }

 private:
  template <class Call>
  void post(Call call) {
    asio::post(session_->ordered(), [session = session_, number = number_,
                                     c = std::move(call)]() mutable { c(*session, number); });
  }

  std::shared_ptr<Session> session_;
  std::uint64_t number_;
  std::atomic<bool> ended_{false};
};

// A client's own id is taken where it can stand in a header and a log.
bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

std::string decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(16 * digit(text[i + 1]) + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::string drawn_id(std::string_view prefix) {
  std::random_device random;
  return fmt::format("{}{:08x}{:08x}{:08x}{:08x}", prefix, random(), random(), random(), random());
}

Session::Session(asio::ip::tcp::socket socket, SessionHost host)
    : socket_(std::move(socket)),
      ordered_(socket_.get_executor()),
      host_(host),
      deadline_(socket_.get_executor()),
      heartbeat_timer_(socket_.get_executor()) {
  ++host_.connections;
  ErrorCode ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Session::~Session() { close(); }

void Session::start() { read_head(true); }

void Session::refuse() {
  answering_ = true;
  fail(503, "the server has all the connections that it may have: try again later");
}

void Session::drain() {
  keep_alive_ = false;
  if (!answering_) close();
}

void Session::close() {
  if (std::exchange(closed_, true)) return;
  --host_.connections;
  release_body();
  deadline_.cancel();
  heartbeat_timer_.cancel();
  ErrorCode ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

// What is under way ends in that time: otherwise it is cancelled, and `late_` says why.
void Session::set_deadline(std::chrono::milliseconds time) {
  late_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this(), number = ++deadline_number_](ErrorCode error) {
    // It may have been on its way when another one was set.
    if (error || self->closed_ || number != self->deadline_number_) return;
    self->late_ = true;
    ErrorCode ignored;
    self->socket_.cancel(ignored);
  });
}

void Session::clear_deadline() {
  ++deadline_number_;
  deadline_.cancel();
}

void Session::read_head(bool first) {
  if (host_.draining) return close();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(host_.options.most_head_bytes));
  parser_->body_limit(host_.options.most_body_bytes);
  set_deadline(first ? host_.options.header_timeout : host_.options.idle_timeout);
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_head(error); });
}

void Session::on_head(ErrorCode error) {
  if (closed_) return;
  if (error == http::error::end_of_stream) return close();
  answering_ = true;
  began_ = std::chrono::steady_clock::now();
  record_ = {};
  ErrorCode none;
  if (const auto remote = socket_.remote_endpoint(none); !none)
    record_.client = remote.address().to_string();
  headers_.clear();
  keep_alive_ = false;
  if (late_) return parser_->got_some() ? fail(408, "the request's head took too long") : close();
  if (error == http::error::header_limit) return fail(431, "the request's head is too long");
  if (error == http::error::body_limit)
    return fail(413,
                fmt::format("the body is longer than {} bytes", host_.options.most_body_bytes));
  if (error && error.category() == http::make_error_code(http::error::bad_method).category())
    return fail(400, fmt::format("this is no HTTP request: {}", error.message()));
  if (error) return close();
  const auto coding = parser_->get().find(http::field::transfer_encoding);
  if (coding != parser_->get().end() && !parser_->chunked())
    return fail(501, "the body's Transfer-Encoding is not known: send it plain or chunked");
  if (!reserve_body()) return fail(503, "the requests under way are too long: try again later");
  if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue),
                      [self = shared_from_this()](ErrorCode e, std::size_t) {
                        e ? self->close() : self->read_body();
                      });
    return;
  }
  read_body();
}

// Many bodies at once may not take all memory. One of unknown length may become the longest.
bool Session::reserve_body() {
  const auto length = parser_->content_length();
  const std::size_t bytes = length               ? static_cast<std::size_t>(*length)
                            : parser_->chunked() ? host_.options.most_body_bytes
                                                 : 0;
  if (host_.bodies_bytes + bytes > host_.options.most_bodies_bytes) return false;
  host_.bodies_bytes += bytes;
  body_bytes_ = bytes;
  return true;
}

void Session::release_body() { host_.bodies_bytes -= std::exchange(body_bytes_, 0); }

void Session::read_body() {
  set_deadline(host_.options.body_timeout);
  http::async_read(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_body(error); });
}

void Session::on_body(ErrorCode error) {
  if (closed_) return;
  if (error == http::error::body_limit)
    return fail(413,
                fmt::format("the body is longer than {} bytes", host_.options.most_body_bytes));
  if (late_) return fail(408, "the request's body took too long");
  if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::partial_message)
    return fail(400, fmt::format("the body cannot be read: {}", error.message()));
  if (error) return close();
  clear_deadline();
  keep_alive_ = parser_->get().keep_alive() && !host_.draining;
  chunked_ = parser_->get().version() >= 11;
  auto exchange = std::make_shared<SessionExchange>(take_request(), shared_from_this(), ++number_);
  exchange_ = exchange;
  watch_for_leaving();
  host_.handler(std::move(exchange));
}

HttpRequest Session::take_request() {
  auto message = parser_->release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  head_only_ = message.method() == http::verb::head;
  const std::string_view target(message.target().data(), message.target().size());
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = decoded(target.substr(0, mark));
  if (request.path.size() > 1 && request.path.ends_with('/')) request.path.pop_back();
  if (mark < target.size()) request.query = std::string(target.substr(mark + 1));
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  request.body = std::move(message.body());
  request.client = record_.client;
  const std::string_view own = request.header("x-request-id");
  request.id = is_plain_id(own) ? std::string(own) : drawn_id("req-");
  if (host_.options.headers) headers_ = host_.options.headers(request);
  record_ = {request.client, request.method, request.path, request.id, 0, 0, 0, false};
  return request;
}

// A client that leaves makes its socket readable, with nothing to read; so does one that only ends
// its own side, which no client of this API does. Where the next request is there already (it was
// sent before its turn), leaving is seen when writing fails.
void Session::watch_for_leaving() {
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this(),
                                                        number = number_](ErrorCode error) {
    if (error || self->closed_ || !self->answering_ || number != self->number_) return;
    char byte = 0;
    const auto got = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) self->lost();
  });
}

void Session::fail(int status, const std::string& message) {
  ++number_;
  begun_ = false;
  late_ = false;
  HttpResponse response{.status = status, .body = message};
  if (host_.options.error_body)
    response.body = host_.options.error_body(status, message);
  else
    response.content_type = "text/plain";
  keep_alive_ = false;
  respond(number_, std::move(response));
}

std::string Session::head_text(const HttpResponse& head, const std::string& framing) {
  record_.status = head.status;
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}", head.status,
                                 reason_of(head.status), head.content_type, framing);
  if (!record_.id.empty()) text += fmt::format("x-request-id: {}\r\n", record_.id);
  for (const auto& [name, value] : headers_) text += fmt::format("{}: {}\r\n", name, value);
  for (const auto& [name, value] : head.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += keep_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

void Session::respond(std::uint64_t number, HttpResponse response) {
  if (closed_ || number != number_ || begun_) return;
  begun_ = ended_ = true;
  std::string text =
      head_text(response, fmt::format("Content-Length: {}\r\n", response.body.size()));
  if (!head_only_) text += response.body;
  queue(std::move(text));
}

// Nobody will answer any more, or go on with what was begun.
void Session::abandon(std::uint64_t number) {
  if (closed_ || number != number_ || ended_) return;
  begun_ ? lost() : fail(500, "the request was dropped");
}

void Session::begin(std::uint64_t number, const HttpResponse& head, std::string heartbeat) {
  if (closed_ || number != number_ || begun_) return;
  begun_ = true;
  if (!chunked_) keep_alive_ = false;
  queue(head_text(head, chunked_ ? "Transfer-Encoding: chunked\r\nCache-Control: no-cache\r\n"
                                 : "Cache-Control: no-cache\r\n"));
  heartbeat_ = std::move(heartbeat);
  if (!heartbeat_.empty()) beat();
}

void Session::beat() {
  beaten_ = true;
  heartbeat_timer_.expires_after(host_.options.heartbeat);
  heartbeat_timer_.async_wait([self = shared_from_this(), number = number_](ErrorCode error) {
    if (error || self->closed_ || number != self->number_ || self->ended_) return;
    if (self->beaten_) self->write(number, self->heartbeat_);
    self->beat();
  });
}

void Session::write(std::uint64_t number, std::string_view piece) {
  if (closed_ || number != number_ || !begun_ || ended_ || piece.empty() || head_only_) return;
  beaten_ = false;
  queue(chunked_ ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece) : std::string(piece));
}

void Session::end(std::uint64_t number) {
  if (closed_ || number != number_ || !begun_ || ended_) return;
  ended_ = true;
  heartbeat_timer_.cancel();
  if (chunked_ && !head_only_)
    queue("0\r\n\r\n");
  else if (!writing_)
    finish_exchange();
}

void Session::queue(std::string bytes) {
  out_bytes_ += bytes.size();
  record_.sent_bytes += bytes.size();
  if (out_bytes_ > host_.options.most_backlog + bytes.size()) return lost();
  out_.push_back(std::move(bytes));
  if (!writing_) flush();
}

void Session::flush() {
  writing_ = true;
  set_deadline(host_.options.write_timeout);
  asio::async_write(
      socket_, asio::buffer(out_.front()),
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_flushed(error); });
}

void Session::on_flushed(ErrorCode error) {
  writing_ = false;
  if (closed_) return;
  if (error) return lost();
  out_bytes_ -= out_.front().size();
  out_.pop_front();
  if (!out_.empty()) return flush();
  clear_deadline();
  if (ended_) finish_exchange();
}

void Session::finish_exchange() {
  record_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (host_.options.log) host_.options.log(record_);
  answering_ = begun_ = ended_ = head_only_ = false;
  release_body();
  ++number_;
  keep_alive_ && !host_.draining ? read_head(false) : linger();
}

// Closing while the client still sends would take the answer away from it: what comes is read and
// thrown away for a moment.
void Session::linger() {
  ErrorCode ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  if (socket_.available(ignored) == 0 && parser_ && parser_->is_done()) return close();
  set_deadline(kLinger);
  auto rest = std::make_shared<std::array<char, 65536>>();
  const auto more = [self = shared_from_this(), rest](const auto& again) -> void {
    self->socket_.async_read_some(asio::buffer(*rest), [self, again](ErrorCode error, std::size_t) {
      error ? self->close() : again(again);
    });
  };
  more(more);
}

// The client has left, or does not read.
void Session::lost() {
  if (closed_) return;
  if (const auto exchange = std::static_pointer_cast<SessionExchange>(exchange_.lock()))
    exchange->leave();
  if (answering_) {
    record_.left = true;
    record_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    if (host_.options.log) host_.options.log(record_);
  }
  close();
}

}  // namespace stemma::serve
