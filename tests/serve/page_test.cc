// The web page: what is served of it, to whom, and with which headers.
#include "serve/page/page.h"

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/serve/running_server.h"

namespace stemma::serve {
namespace {

using testing::RunningServer;
namespace fs = std::filesystem;

std::string header_of(const testing::Connection::Answer& answer, const std::string& name) {
  std::smatch match;
  const std::regex line("\r\n" + name + ": ([^\r]*)", std::regex::icase);
  return std::regex_search(answer.head, match, line) ? match[1].str() : std::string();
}

TEST(Page, EveryFileOfTheFolderIsServedAsItIs) {
  const fs::path folder = fs::path(STEMMA_SOURCE_DIR) / "src/serve/page";
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".cc") || name.ends_with(".h")) continue;
    const auto found = page_response(name == "index.html" ? "/" : "/page/" + name);
    ASSERT_TRUE(found) << name << " is missing in page.cc";
    std::ifstream in(entry.path(), std::ios::binary);
    EXPECT_EQ(found->body, std::string(std::istreambuf_iterator<char>(in), {})) << name;
    ++files;
  }
  EXPECT_GE(files, 10);
}

TEST(Page, NeedsNoKeyAndKeepsToItself) {
  const TemporaryFolder folder;
  std::ofstream(folder / "keys.txt") << "secret-key-1\n";
  ServerOptions options;
  options.keys = Keys::of_file(folder / "keys.txt");
  const RunningServer server(std::move(options));
  const auto page = testing::ask(server.port(), "GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("<title>Stemma</title>"), std::string::npos);
  const std::string policy = header_of(page, "Content-Security-Policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos) << page.head;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(header_of(page, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(testing::ask(server.port(), "GET", "/page/app.js").status, 200);
  EXPECT_EQ(testing::ask(server.port(), "GET", "/v1/models").status, 401);
  for (const char* path : {"/page/../keys.txt", "/page/%2e%2e/page.cc", "/page/page.cc", "/page",
                           "/page/app.js/x", "/page/app.js%00"})
    EXPECT_NE(testing::ask(server.port(), "GET", path).status, 200) << path;
  EXPECT_NE(testing::ask(server.port(), "POST", "/", "{}").status, 200);
}

// Nothing comes from another host, and no markup or script stands in an attribute.
TEST(Page, LoadsNothingFromElsewhere) {
  const std::string html = page_response("/")->body;
  static const std::regex inline_code(R"((\son[a-z]+=|<script(?![^>]*src=)|\sstyle=|https?://))");
  EXPECT_FALSE(std::regex_search(html, inline_code));
  EXPECT_EQ(page_response("/page/style.css")->body.find("url("), std::string::npos);
}

}  // namespace
}  // namespace stemma::serve
