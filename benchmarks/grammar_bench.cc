// What constrained output costs: compiling a grammar, and per token the mask with the step behind
// it, along an answer in a real vocabulary. `warm`: the masks that the answer needs were made by an
// earlier one, the usual case of a server; `cold`: this is the first answer with the grammar, and
// the time to make masks is spread over its tokens. The time is that of the whole answer; `token`
// is the counter to read.
//
//   grammar_bench [--benchmark_filter=warm]
//
// models/smollm2 is measured where it is (scripts/get-model.sh smollm2).
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

namespace stemma::grammar {
namespace {

struct Case {
  std::string name, schema, answer;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"json_mode", R"({"type": "object"})",
       R"({"name": "Ann Lee", "age": 41, "tags": ["a", "long tail"], "more": {"ok": true, "x": [1.5, null]}})"},
      {"person",
       R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer",
           "minimum": 0, "maximum": 150}, "email": {"type": "string", "format": "email"},
           "role": {"enum": ["user", "admin", "guest"]}, "tags": {"type": "array", "items": {"type": "string"}}},
           "required": ["name", "age", "email", "role", "tags"], "additionalProperties": false})",
       R"({"name": "Ann Lee", "age": 41, "email": "ann.lee@example.org", "role": "admin", "tags": ["one", "two"]})"},
      {"lengths",
       R"({"type": "object", "properties": {"title": {"type": "string", "maxLength": 200}, "text": {"type": "string",
           "minLength": 10, "maxLength": 1000}}, "required": ["title", "text"], "additionalProperties": false})",
       R"({"title": "A short history of trees", "text": "A stemma is a family tree of manuscripts, drawn by those who compare them."})"},
      {"recursive",
       R"({"type": "object", "properties": {"value": {"type": "string"}, "children": {"type": "array",
           "items": {"$ref": "#"}}}, "required": ["value", "children"], "additionalProperties": false})",
       R"({"value": "root", "children": [{"value": "left", "children": []}, {"value": "right", "children": [{"value": "leaf", "children": []}]}]})"},
      {"any_of",
       R"({"anyOf": [{"type": "object", "properties": {"tool": {"const": "search"}, "query": {"type": "string"}},
           "required": ["tool", "query"], "additionalProperties": false}, {"type": "object", "properties": {"tool":
           {"const": "add"}, "a": {"type": "number"}, "b": {"type": "number"}}, "required": ["tool", "a", "b"],
           "additionalProperties": false}]})",
       R"({"tool": "search", "query": "how many manuscripts of the Iliad are there"})"}};
  return kCases;
}

struct Vocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const TokenTable> tokens;
};

const Vocabulary& vocabulary(const std::string& name) {
  static std::map<std::string, Vocabulary> known;
  Vocabulary& one = known[name];
  if (one.tokenizer == nullptr) {
    one.tokenizer = open_tokenizer(name);
    const std::vector<std::int32_t> ends = {one.tokenizer->end_of_text().value_or(0)};
    one.tokens = std::make_shared<const TokenTable>(*one.tokenizer, ends);
  }
  return one;
}

void compile(benchmark::State& state, const Case& one) {
  const Json schema = Json::parse(one.schema, "schema");
  std::size_t states = 0, classes = 0;
  for (auto _ : state) {
    const SharedGrammar grammar = schema_grammar(schema);
    states = grammar->automaton().states();
    classes = grammar->mask_classes();
  }
  state.counters["states"] = static_cast<double>(states);
  state.counters["classes"] = static_cast<double>(classes);
}

void token_table(benchmark::State& state, const std::string& name) {
  const Vocabulary& words = vocabulary(name);
  const std::vector<std::int32_t> ends = {0};
  for (auto _ : state) benchmark::DoNotOptimize(TokenTable(*words.tokenizer, ends));
}

void follow(benchmark::State& state, const std::shared_ptr<const MaskCache>& masks,
            const std::vector<std::int32_t>& ids, std::vector<std::uint32_t>& bits) {
  Matcher matcher(masks);
  for (const std::int32_t id : ids) {
    matcher.allowed(bits);
    benchmark::DoNotOptimize(bits.data());
    if (!matcher.accept(id)) state.SkipWithError("the answer is not allowed");
  }
  if (!matcher.is_complete()) state.SkipWithError("the answer is not whole");
}

void answer(benchmark::State& state, const Case& one, const std::string& name, bool warm) {
  const Vocabulary& words = vocabulary(name);
  const SharedGrammar grammar = schema_grammar(Json::parse(one.schema, "schema"));
  std::vector<std::int32_t> ids;
  words.tokenizer->encode(one.answer, ids);
  std::vector<std::uint32_t> bits(words.tokens->mask_words());
  auto masks = std::make_shared<const MaskCache>(grammar, words.tokens);
  if (warm) follow(state, masks, ids, bits);
  for (auto _ : state) {
    if (!warm) masks = std::make_shared<const MaskCache>(grammar, words.tokens);
    follow(state, masks, ids, bits);
  }
  state.counters["token"] =
      benchmark::Counter(static_cast<double>(ids.size()) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["tokens"] = static_cast<double>(ids.size());
  state.counters["mask_KiB"] = static_cast<double>(masks->bytes()) / 1024;
}

void declare_benchmarks() {
  std::vector<std::string> names = {"gpt2", "o200k_base"};
  if (std::filesystem::exists("models/smollm2/tokenizer.json")) names.push_back("models/smollm2");
  for (const Case& one : cases())
    benchmark::RegisterBenchmark(("compile/" + one.name).c_str(), compile, one)
        ->Unit(benchmark::kMillisecond);
  for (const std::string& name : names) {
    benchmark::RegisterBenchmark(("token_table/" + name).c_str(), token_table, name)
        ->Unit(benchmark::kMillisecond);
    for (const Case& one : cases())
      for (const bool warm : {true, false})
        benchmark::RegisterBenchmark(((warm ? "warm/" : "cold/") + one.name + "/" + name).c_str(),
                                     answer, one, name, warm)
            ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace stemma::grammar

int main(int argc, char** argv) {
  stemma::grammar::declare_benchmarks();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
