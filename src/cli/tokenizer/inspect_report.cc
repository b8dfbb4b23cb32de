#include "cli/tokenizer/inspect_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/report/visible_text.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kListedForPeople = 10, kListedTokenBytes = 40, kListedHexBytes = 200;

Json list_json(const Tokenizer& tokenizer, const std::vector<report::TokenFrequency>& list) {
  Json out{Json::Array{}};
  for (const report::TokenFrequency& one : list) {
    const std::string_view bytes = tokenizer.bytes_of(one.id);
    out.push_back(Json::object({{"id", one.id},
                                {"count", one.count},
                                {"text", bytes},
                                {"bytes", report::hex_of(bytes, kListedHexBytes)}}));
  }
  return out;
}

Json statistics_json(const report::InspectedText& one) {
  const report::TokenStatistics& s = one.statistics;
  Json lengths{Json::Array{}};
  for (const std::uint64_t count : s.lengths) lengths.push_back(count);
  return Json::object({{"tokenizer", one.name},
                       {"tokens", s.tokens},
                       {"bytes_per_token", s.bytes_per_token()},
                       {"characters_per_token", s.characters_per_token()},
                       {"tokens_per_word", s.fertility()},
                       {"vocabulary", s.vocabulary},
                       {"used", s.used},
                       {"unused", static_cast<std::uint64_t>(s.unused.size())},
                       {"share_used", s.share_used()},
                       {"exact", s.exact},
                       {"tokens_by_bytes", std::move(lengths)},
                       {"most_frequent", list_json(one.tokenizer, s.most_frequent)},
                       {"longest", list_json(one.tokenizer, s.longest)}});
}

std::string list_for_people(const Tokenizer& tokenizer,
                            const std::vector<report::TokenFrequency>& list) {
  std::string text;
  for (std::size_t i = 0; i < std::min(list.size(), kListedForPeople); ++i)
    text += fmt::format("{}{} ({})", i == 0 ? "" : "  ",
                        report::visible_text(tokenizer.bytes_of(list[i].id), kListedTokenBytes),
                        list[i].count);
  return text;
}

}  // namespace

Json inspection_json(const std::vector<report::InspectedText>& texts) {
  const report::TokenStatistics& s = texts.front().statistics;
  Json tokenizers{Json::Array{}};
  for (const report::InspectedText& one : texts) tokenizers.push_back(statistics_json(one));
  return Json::object({{"bytes", s.bytes},
                       {"characters", s.characters},
                       {"invalid_bytes", s.invalid_bytes},
                       {"words", s.words},
                       {"tokenizers", std::move(tokenizers)}});
}

std::string statistics_for_people(const report::InspectedText& one) {
  const report::TokenStatistics& s = one.statistics;
  std::string text = fmt::format(
      "{}: {} tokens; {:.3f} bytes, {:.3f} characters per token, {:.3f} tokens per word\n"
      "  vocabulary: {} of {} used ({:.2f} %), {} unused\n",
      report::visible_text(one.name), s.tokens, s.bytes_per_token(), s.characters_per_token(),
      s.fertility(), s.used, s.vocabulary, 100 * s.share_used(), s.unused.size());
  if (!s.exact)
    text += "  this tokenizer changes the text: its tokens joined are not the same bytes\n";
  if (s.tokens == 0) return text;
  return text + fmt::format("  most frequent: {}\n  longest: {}\n",
                            list_for_people(one.tokenizer, s.most_frequent),
                            list_for_people(one.tokenizer, s.longest));
}

}  // namespace stemma::cli
