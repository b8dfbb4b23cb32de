#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "serve/terminal/chat_session.h"

namespace stemma::serve {
namespace {

bool is_markdown(const std::string& file) { return file.ends_with(".md"); }

std::string markdown_of(const Json& messages) {
  std::string text;
  for (const Json& m : messages.as_array())
    text += fmt::format("**{}**\n\n{}\n\n", m.at("role").as_string(), m.at("content").as_string());
  return text;
}

void check_message(const Json& m, std::size_t number, const std::string& file) {
  const auto text = [&](const char* key) {
    const Json* value = m.is_object() ? m.find(key) : nullptr;
    return value && value->is_string();
  };
  if (!text("role") || !text("content"))
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[chat] {}: message {} must have a 'role' and a 'content' that are texts", file,
                    number));
}

}  // namespace

void save_conversation(const std::string& file, const Json& messages) {
  AtomicFile out(file);
  out.write(is_markdown(file) ? markdown_of(messages)
                              : Json::object({{"messages", messages}}).dump(2) + "\n");
  out.commit();
}

Json load_conversation(const std::string& file) {
  if (is_markdown(file))
    throw Error(
        ErrorCode::unsupported,
        fmt::format("[chat] {} is Markdown, which is for readers: load the JSON form", file));
  const Json json = Json::parse(read_file(file, std::uint64_t{1} << 26), file);
  const Json* list = json.is_object() ? json.find("messages") : &json;
  if (!list || !list->is_array())
    throw Error(ErrorCode::corrupt,
                fmt::format("[chat] {} must hold {{\"messages\": [...]}}", file));
  for (std::size_t i = 0; i < list->as_array().size(); ++i)
    check_message(list->as_array()[i], i + 1, file);
  return *list;
}

}  // namespace stemma::serve
