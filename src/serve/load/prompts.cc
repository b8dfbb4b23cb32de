#include "serve/load/prompts.h"

#include <array>
#include <random>

#include <fmt/format.h>

namespace stemma::serve {
namespace {

// Frequent words, each of which is one token in most vocabularies.
constexpr std::array kWords = {
    "time",    "year",    "people",   "way",    "day",    "man",     "thing",   "woman",
    "life",    "child",   "world",    "school", "state",  "family",  "student", "group",
    "country", "problem", "hand",     "part",   "place",  "case",    "week",    "company",
    "system",  "program", "question", "work",   "number", "night",   "point",   "home",
    "water",   "room",    "mother",   "area",   "money",  "story",   "fact",    "month",
    "lot",     "right",   "study",    "book",   "eye",    "job",     "word",    "business",
    "issue",   "side",    "kind",     "head",   "house",  "service", "friend",  "father",
    "power",   "hour",    "game",     "line",   "end",    "member",  "law",     "car"};

}  // namespace

std::string load_prompt(const LoadPlan& plan, std::int64_t number) {
  const auto words = [](std::uint64_t seed, std::int64_t count) {
    std::mt19937_64 random(seed);
    std::string text;
    for (std::int64_t i = 0; i < count; ++i)
      text += fmt::format("{}{}", i == 0 ? "" : " ", kWords[random() % kWords.size()]);
    return text;
  };
  const auto seed = plan.seed * 1'000'003 + static_cast<std::uint64_t>(number) + 1;
  const std::int64_t span = plan.most_words - plan.least_words + 1;
  const std::int64_t own =
      plan.least_words +
      static_cast<std::int64_t>(std::mt19937_64(seed)() % static_cast<std::uint64_t>(span));
  std::string text = words(plan.seed, plan.shared_words);
  if (!text.empty() && own > 0) text += ' ';
  return text + words(~seed, own);
}

}  // namespace stemma::serve
