// Any bytes as a JSON schema (first byte 's'), a regular expression ('r') or a list of choices by
// line ('c'), then a blank and the rest: refused as invalid_argument (what is no JSON: corrupt), or
// a grammar whose masks agree with its steps along a walk that the bytes choose.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"

namespace {

using namespace stemma;
using namespace stemma::grammar;

std::shared_ptr<const TokenTable> small_tokens() {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  for (const char* more :
       {"{\"", "\":", "\", \"", "\"}", "},{", "]}", "null", "true", "00", "\xC3\xA9"})
    bytes.emplace_back(more);
  bytes.emplace_back();
  const std::vector<std::int32_t> ends = {static_cast<std::int32_t>(bytes.size()) - 1};
  return std::make_shared<const TokenTable>(bytes, ends);
}

SharedGrammar grammar_of(char kind, std::string_view text) {
  if (kind == 's') return schema_grammar(Json::parse(text, "fuzz"));
  if (kind == 'r') return regex_grammar(text);
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return choice_grammar(lines);
}

// Takes the allowed token that each byte chooses.
void walk(const std::shared_ptr<const MaskCache>& masks, std::string_view choices) {
  const TokenTable& tokens = masks->tokens();
  std::vector<std::uint32_t> bits(tokens.mask_words());
  Matcher matcher(masks);
  std::string text;
  for (const char choice : choices.substr(0, 200)) {
    matcher.allowed(bits);
    std::vector<std::int32_t> allowed;
    for (std::int32_t id = 0; id < tokens.size(); ++id) {
      const bool in_mask = (bits[static_cast<std::size_t>(id) / 32] >> id % 32 & 1) != 0;
      if (Matcher(matcher).accept(id) != in_mask) __builtin_trap();
      if (in_mask) allowed.push_back(id);
    }
    if (allowed.empty()) __builtin_trap();  // every byte is a token, so there is a way on
    const std::int32_t id = allowed[static_cast<std::uint8_t>(choice) % allowed.size()];
    if (!matcher.accept(id)) __builtin_trap();
    if (matcher.has_ended()) break;
    text += tokens.bytes(id);
    if (matcher.is_complete() != masks->grammar().allows(text)) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const TokenTable> tokens = small_tokens();
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  try {
    const char kind = static_cast<char>(data[0]);
    walk(std::make_shared<const MaskCache>(grammar_of(kind, text), tokens), text);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument && error.code() != ErrorCode::corrupt)
      __builtin_trap();
  }
  return 0;
}
