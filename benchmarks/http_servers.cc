// Streams to many clients by our server (Boost.Beast, one thread) or by cpp-httplib (a thread for
// each connection): what the server costs beside the model.
//
//   http_servers beast 8190    |  http_servers httplib 8190
//   stemma load --url http://127.0.0.1:8190/v1 --streams 256 --requests 2048
//
// Each POST to /v1/completions is answered with 128 pieces, one every 20 milliseconds, as a model
// that writes to all clients at once would. Ends at SIGTERM and prints processor time, memory and
// threads of the whole run. benchmarks/http_servers.sh runs both in turns.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include <httplib.h>
#include <sys/resource.h>

#include "base/interrupt.h"
#include "serve/http/server.h"

namespace {

using namespace stemma;
using namespace std::chrono_literals;

constexpr int kPieces = 128;
constexpr auto kBetween = 20ms;
const std::string kPiece =
    "data: {\"choices\": [{\"index\": 0, \"text\": \" word\", \"finish_reason\": null}]}\n\n";
const std::string kLast = "data: [DONE]\n\n";

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);
void on_signal(int signal) { received = signal; }

// Wakes everybody once for each piece.
class Ticker {
 public:
  Ticker() : thread_([this] { run(); }) {}
  ~Ticker() {
    stop_ = true;
    thread_.join();
  }
  std::uint64_t wait_after(std::uint64_t seen) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return now_ > seen || stop_; });
    return now_;
  }

 private:
  void run() {
    while (!stop_) {
      std::this_thread::sleep_for(kBetween);
      {
        const std::lock_guard lock(mutex_);
        ++now_;
      }
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t now_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void serve_by_beast(std::uint16_t port) {
  struct Stream {
    std::shared_ptr<serve::Exchange> exchange;
    int left = kPieces;
  };
  std::mutex mutex;
  std::list<Stream> streams;
  serve::HttpServer server({.port = port}, [&](std::shared_ptr<serve::Exchange> exchange) {
    exchange->begin({.content_type = "text/event-stream"}, ": \n\n");
    const std::lock_guard lock(mutex);
    streams.push_back({std::move(exchange)});
  });
  std::atomic<bool> stop{false};
  // As the engine's thread: a piece for each client, pass after pass.
  std::thread writer([&] {
    while (!stop) {
      std::this_thread::sleep_for(kBetween);
      const std::lock_guard lock(mutex);
      for (auto s = streams.begin(); s != streams.end();) {
        s->exchange->write(s->left > 0 ? kPiece : kLast);
        if (s->left-- > 0) {
          ++s;
          continue;
        }
        s->exchange->end();
        s = streams.erase(s);
      }
    }
  });
  server.run(Interrupt(received));
  stop = true;
  writer.join();
  streams.clear();
}

void serve_by_httplib(std::uint16_t port) {
  Ticker ticker;
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(300); };
  server.Post("/v1/completions", [&](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("text/event-stream",
                                          [&](std::size_t, httplib::DataSink& sink) {
                                            std::uint64_t seen = ticker.wait_after(0);
                                            for (int i = 0; i < kPieces; ++i) {
                                              seen = ticker.wait_after(seen);
                                              if (!sink.write(kPiece.data(), kPiece.size()))
                                                return false;
                                            }
                                            sink.write(kLast.data(), kLast.size());
                                            sink.done();
                                            return true;
                                          });
  });
  std::thread waiter([&] {
    while (received == 0) std::this_thread::sleep_for(50ms);
    server.stop();
  });
  server.listen("127.0.0.1", port);
  waiter.join();
}

std::string status_line(const char* name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) return line;
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "http_servers beast|httplib PORT\n");
    return 2;
  }
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::string threads;
  std::thread watcher([&] {
    while (received == 0) {
      if (const std::string now = status_line("Threads:");
          now.size() > threads.size() || now > threads)
        threads = now;
      std::this_thread::sleep_for(500ms);
    }
  });
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  if (std::strcmp(argv[1], "beast") == 0)
    serve_by_beast(port);
  else
    serve_by_httplib(port);
  watcher.join();
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  std::printf("%s: %.2f s of processor time (%.2f in the kernel), %ld MB, %s\n", argv[1],
              seconds(use.ru_utime) + seconds(use.ru_stime), seconds(use.ru_stime),
              use.ru_maxrss / 1024, threads.c_str());
  return 0;
}
