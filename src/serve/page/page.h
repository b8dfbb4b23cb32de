// The web page at /: chat, completion, classification and what the server is doing, in plain HTML,
// CSS and JavaScript modules that lie in the program (the files of this folder).
//
// index.html and style.css say how it looks; app.js starts it, one module a view (chat.js,
// completion.js, classify.js, status.js); api.js asks the server, answering.js streams an answer,
// conversations.js keeps trees of messages in the browser, markdown.js and tokens.js draw.
#pragma once

#include <optional>
#include <string_view>

#include "serve/http/exchange.h"

namespace stemma::serve {

// The file at path ("/", "/page/app.js"), with the headers that keep the page to itself; none where
// the page has no such file.
std::optional<HttpResponse> page_response(std::string_view path);

}  // namespace stemma::serve
