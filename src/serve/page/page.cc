#include "serve/page/page.h"

#include <algorithm>
#include <array>

#include "base/embedded_file.h"

STEMMA_EMBED(stemma_page_answering, STEMMA_PAGE "/answering.js")
STEMMA_EMBED(stemma_page_api, STEMMA_PAGE "/api.js")
STEMMA_EMBED(stemma_page_app, STEMMA_PAGE "/app.js")
STEMMA_EMBED(stemma_page_chat, STEMMA_PAGE "/chat.js")
STEMMA_EMBED(stemma_page_classify, STEMMA_PAGE "/classify.js")
STEMMA_EMBED(stemma_page_completion, STEMMA_PAGE "/completion.js")
STEMMA_EMBED(stemma_page_conversations, STEMMA_PAGE "/conversations.js")
STEMMA_EMBED(stemma_page_index, STEMMA_PAGE "/index.html")
STEMMA_EMBED(stemma_page_markdown, STEMMA_PAGE "/markdown.js")
STEMMA_EMBED(stemma_page_notices, STEMMA_PAGE "/notices.js")
STEMMA_EMBED(stemma_page_status, STEMMA_PAGE "/status.js")
STEMMA_EMBED(stemma_page_style, STEMMA_PAGE "/style.css")
STEMMA_EMBED(stemma_page_tokens, STEMMA_PAGE "/tokens.js")

namespace stemma::serve {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8", kStyle = "text/css; charset=utf-8",
                           kScript = "text/javascript; charset=utf-8";

struct PageFile {
  std::string_view path, type;
  const char *begin, *end;
};

const std::array kFiles = {
    PageFile{"/page/answering.js", kScript, stemma_page_answering, stemma_page_answering_end},
    PageFile{"/page/api.js", kScript, stemma_page_api, stemma_page_api_end},
    PageFile{"/page/app.js", kScript, stemma_page_app, stemma_page_app_end},
    PageFile{"/page/chat.js", kScript, stemma_page_chat, stemma_page_chat_end},
    PageFile{"/page/classify.js", kScript, stemma_page_classify, stemma_page_classify_end},
    PageFile{"/page/completion.js", kScript, stemma_page_completion, stemma_page_completion_end},
    PageFile{"/page/conversations.js", kScript, stemma_page_conversations,
             stemma_page_conversations_end},
    PageFile{"/", kHtml, stemma_page_index, stemma_page_index_end},
    PageFile{"/page/markdown.js", kScript, stemma_page_markdown, stemma_page_markdown_end},
    PageFile{"/page/notices.js", kScript, stemma_page_notices, stemma_page_notices_end},
    PageFile{"/page/status.js", kScript, stemma_page_status, stemma_page_status_end},
    PageFile{"/page/style.css", kStyle, stemma_page_style, stemma_page_style_end},
    PageFile{"/page/tokens.js", kScript, stemma_page_tokens, stemma_page_tokens_end},
};

// Scripts, styles and answers come from this server alone, and no other page may frame this one.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

std::optional<HttpResponse> page_response(std::string_view path) {
  const auto file = std::ranges::find(kFiles, path, &PageFile::path);
  if (file == kFiles.end()) return std::nullopt;
  return HttpResponse{.content_type = std::string(file->type),
                      .body = std::string(file->begin, file->end),
                      .headers = {{"Content-Security-Policy", kPolicy},
                                  {"X-Content-Type-Options", "nosniff"},
                                  {"Referrer-Policy", "no-referrer"},
                                  {"Cache-Control", "no-cache"}}};
}

}  // namespace stemma::serve
