// A client of bare sockets, which can do what no decent client does.
#pragma once

#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stemma::serve::testing {

class Connection {
 public:
  explicit Connection(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~Connection() { close(); }
  Connection(Connection&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  // False where the server has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void request(std::string_view method, std::string_view path, std::string_view body = "",
               std::string_view headers = "") {
    send(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
         std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body));
  }

  struct Answer {
    int status = 0;
    std::string head, body;  // of a streamed answer the pieces, without their framing
  };
  // Throws where the server closes before the end, or sends nothing for ten seconds.
  Answer answer() {
    Answer a;
    const std::size_t end = wait_for("\r\n\r\n");
    a.head = take(end + 4);
    a.status = std::stoi(a.head.substr(9, 3));
    if (a.head.find("chunked") != std::string::npos) {
      for (;;) {
        const std::string size = take(wait_for("\r\n") + 2);
        const std::size_t count = std::stoul(size, nullptr, 16);
        while (buffer_.size() < count + 2) more();
        a.body += take(count);
        take(2);
        if (count == 0) return a;
      }
    }
    const std::size_t at = a.head.find("Content-Length: ");
    const std::size_t length = std::stoul(a.head.substr(at + 16));
    while (buffer_.size() < length) more();
    a.body = take(length);
    return a;
  }
  // Waits for the server to close; false where it does not within ten seconds.
  bool closed() {
    try {
      for (;;) more();
    } catch (const std::runtime_error& error) {
      return std::string_view(error.what()) == "closed";
    }
  }
  // What came so far.
  const std::string& buffer() const { return buffer_; }
  void more() {
    pollfd waited{descriptor_, POLLIN, 0};
    if (::poll(&waited, 1, 10'000) <= 0) throw std::runtime_error("nothing came");
    char bytes[65536];
    const auto got = ::recv(descriptor_, bytes, sizeof(bytes), 0);
    if (got <= 0) throw std::runtime_error("closed");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }

 private:
  std::size_t wait_for(std::string_view text) {
    for (;;) {
      if (const std::size_t at = buffer_.find(text); at != std::string::npos) return at;
      more();
    }
  }
  std::string take(std::size_t count) {
    std::string text = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return text;
  }

  int descriptor_;
  std::string buffer_;
};

// One request on a connection of its own.
inline Connection::Answer ask(std::uint16_t port, std::string_view method, std::string_view path,
                              std::string_view body = "", std::string_view headers = "") {
  Connection connection(port);
  connection.request(method, path, body, headers);
  return connection.answer();
}

}  // namespace stemma::serve::testing
