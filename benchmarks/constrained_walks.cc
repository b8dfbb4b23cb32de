// Answers that grammars allow, for another program to check: scripts/peers/compare_schemas.py.
//
//   constrained_walks TOKENIZER < REQUESTS
//
// Reads a JSON object a line and writes one a line. A request has "schema" (a JSON schema) or
// "regex". "walks": N and "seed" ask for N texts, made of random allowed tokens until an end token
// is drawn, {"texts": [...]}; of those that take more than 2,000 tokens there is null. "check": a
// list of texts asks which are allowed, token by token as the tokenizer cuts them and as a whole,
// {"allowed": [true, ...]}. A grammar that is refused gives {"error": "..."}.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

namespace stemma::grammar {
namespace {

class Walks {
 public:
  explicit Walks(const std::string& tokenizer) : tokenizer_(open_tokenizer(tokenizer)) {
    const std::vector<std::int32_t> ends = {tokenizer_->end_of_text().value_or(0)};
    tokens_ = std::make_shared<const TokenTable>(*tokenizer_, ends);
  }

  Json answer(const Json& request) {
    try {
      const Json* schema = request.find("schema");
      const SharedGrammar grammar = schema != nullptr
                                        ? schema_grammar(*schema)
                                        : regex_grammar(request.at("regex").as_string());
      const auto masks = std::make_shared<const MaskCache>(grammar, tokens_);
      Json list = Json(Json::Array{});
      if (const Json* texts = request.find("check")) {
        for (const Json& text : texts->as_array())
          list.push_back(is_allowed(masks, text.as_string()));
        return Json::object({{"allowed", list}});
      }
      std::mt19937_64 random(static_cast<std::uint64_t>(request.get("seed", 1)));
      for (std::int64_t i = 0; i < request.get("walks", 1); ++i) {
        const auto text = walk(masks, random);
        list.push_back(text ? Json(*text) : Json());
      }
      return Json::object({{"texts", list}});
    } catch (const Error& error) {
      return Json::object({{"error", error.what()}});
    }
  }

 private:
  bool is_allowed(const std::shared_ptr<const MaskCache>& masks, const std::string& text) {
    std::vector<std::int32_t> ids;
    tokenizer_->encode(text, ids);
    // Some vocabularies have no token for rare bytes.
    if (tokenizer_->decode(ids) != text) return masks->grammar().allows(text);
    std::vector<std::uint32_t> bits(tokens_->mask_words());
    Matcher matcher(masks);
    bool all = true;
    for (const std::int32_t id : ids) {
      matcher.allowed(bits);
      const bool in_mask = (bits[static_cast<std::size_t>(id) / 32] >> id % 32 & 1) != 0;
      all = matcher.accept(id);
      if (in_mask != all)
        throw Error(ErrorCode::internal, "[constrained_walks] mask and step differ: " + text);
      if (!all) break;
    }
    all = all && matcher.is_complete();
    if (all != masks->grammar().allows(text))
      throw Error(ErrorCode::internal, "[constrained_walks] tokens and bytes differ: " + text);
    return all;
  }

  // With a leaning towards tokens that close something, or random text would never end.
  std::optional<std::string> walk(const std::shared_ptr<const MaskCache>& masks,
                                  std::mt19937_64& random) {
    Matcher matcher(masks);
    std::string text;
    std::vector<std::uint32_t> bits(tokens_->mask_words());
    std::vector<std::int32_t> all, closing;
    for (int step = 0; step < 2000; ++step) {
      matcher.allowed(bits);
      all.clear();
      closing.clear();
      for (std::int32_t id = 0; id < tokens_->size(); ++id) {
        if ((bits[static_cast<std::size_t>(id) / 32] >> id % 32 & 1) == 0) continue;
        all.push_back(id);
        if (tokens_->is_end(id) || tokens_->bytes(id).find_first_of("\"}]") != std::string::npos)
          closing.push_back(id);
      }
      if (all.empty()) throw Error(ErrorCode::internal, "[constrained_walks] no way on: " + text);
      const auto& from = closing.empty() || random() % 4 == 0 ? all : closing;
      const std::int32_t id = from[random() % from.size()];
      if (!matcher.accept(id))
        throw Error(ErrorCode::internal, "[constrained_walks] mask and step differ: " + text);
      if (matcher.has_ended()) return text;
      text += tokens_->bytes(id);
    }
    return std::nullopt;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const TokenTable> tokens_;
};

}  // namespace
}  // namespace stemma::grammar

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: constrained_walks TOKENIZER < REQUESTS\n", stderr);
    return 2;
  }
  try {
    stemma::grammar::Walks walks(argv[1]);
    for (std::string line; std::getline(std::cin, line);)
      std::cout << walks.answer(stemma::Json::parse(line, "request")).dump() << std::endl;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
