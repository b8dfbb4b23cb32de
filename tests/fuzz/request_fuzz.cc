// Any bytes as the body of a request, for /v1/chat/completions (first byte 'c') or /v1/responses
// ('r'): an ApiError with a status of 400 to 499, or a conversation in which every message has a
// role and a text, and whose calls have objects as arguments.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "serve/api/api_error.h"
#include "serve/api/common_fields.h"
#include "serve/api/messages.h"
#include "serve/api/response_input.h"
#include "serve/api/sampling.h"
#include "serve/api/tools.h"

namespace {

using namespace stemma;
using namespace stemma::serve;

void check(bool right) {
  if (!right) __builtin_trap();
}

void check_messages(const Json& messages) {
  check(messages.is_array());
  for (const Json& message : messages.as_array()) {
    check(message.is_object() && message.at("role").is_string());
    const Json* content = message.find("content");
    const Json* calls = message.find("tool_calls");
    check(content ? content->is_string() || content->is_null() : calls != nullptr);
    if (!calls) continue;
    for (const Json& call : calls->as_array()) {
      check(call.at("function").at("name").is_string());
      check(call.at("function").at("arguments").is_object());
    }
  }
}

void read(char route, const HttpRequest& request) {
  const Json body = parsed_body(request);
  Fields fields(body);
  if (route == 'r') {
    check_messages(read_response_input(fields, true));
    read_tools(fields, ToolForm::flat);
  } else {
    check_messages(read_messages(fields, false));
    read_tools(fields, ToolForm::nested);
  }
  read_choices(fields);
  read_stream(fields);
  fields.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  HttpRequest request;
  request.method = "POST";
  request.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    read(static_cast<char>(data[0]), request);
  } catch (const ApiError& error) {
    check(error.status >= 400 && error.status < 500);
  }
  return 0;
}
