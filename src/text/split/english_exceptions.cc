#include "text/split/english_exceptions.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace stemma::split {
namespace {

// Emoticons and other signs that are one token each; '|' within them is a sign, not a cut.
constexpr std::string_view kWholeSigns[] = {
    // clang-format off
    " ", "\t", "\\t", "\n", "\\n", "—", "\u00a0", "'", "\\\")", "<space>", "''", "C++",
    ":)", ":-)", ":))", ":-))", ":)))", ":-)))", "(:", "(-:", "=)", "(=", ":]", ":-]", "[:", "[-:",
    "[=", "=]", ":o)", "(o:", ":}", ":-}", "8)", "8-)", "(-8", ";)", ";-)", "(;", "(-;", ":(", ":-(",
    ":((", ":-((", ":(((", ":-(((", "):", ")-:", "=(", ">:(", ":')", ":'-)", ":'(", ":'-(", ":/",
    ":-/", "=/", "=|", ":|", ":-|", "]=", "=[", ":1", ":P", ":-P", ":p", ":-p", ":O", ":-O", ":o",
    ":-o", ":0", ":-0", ":()", ">:o", ":*", ":-*", ":3", ":-3", "=3", ":>", ":->", ":X", ":-X", ":x",
    ":-x", ":D", ":-D", ";D", ";-D", "=D", "xD", "XD", "xDD", "XDD", "8D", "8-D", "^_^", "^__^",
    "^___^", ">.<", ">.>", "<.<", "._.", ";_;", "-_-", "-__-", "v.v", "V.V", "v_v", "V_V", "o_o",
    "o_O", "O_o", "O_O", "0_o", "o_0", "0_0", "o.O", "O.o", "O.O", "o.o", "0.0", "o.0", "0.o", "@_@",
    "<3", "<33", "<333", "</3", "(^_^)", "(-_-)", "(._.)", "(>_<)", "(*_*)", "(¬_¬)", "ಠ_ಠ", "ಠ︵ಠ",
    "(ಠ_ಠ)", "¯\\(ツ)/¯", "(╯°□°）╯︵┻━┻", "><(((*>",
    // clang-format on
};

// Kept whole, separated by spaces.
constexpr std::string_view kWholeWords =
    "ä. ö. ü. 'S 's ‘S ‘s and/or w/o 're 'd 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout "
    "em 'em ll 'll nuff 'nuff ma'am Ma'am o'clock O'clock "
    "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. "
    "Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. "
    "N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. "
    "Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. "
    "Messrs. "
    "Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s.";

// Words that lost their g, with and without an apostrophe, and with a capital.
constexpr std::string_view kShortened = "doin goin nothin nuthin ol somethin lovin havin";

// Cut as the bars say, also with a capital.
constexpr std::string_view kCut = "how|'d|'y not|'ve not|ve can|not gon|na got|ta let|'s c'm|on";

constexpr std::string_view kPronouns = "i you he she it we they";
constexpr std::string_view kQuestionWords =
    "who what when where why how there that this these those";

// Take n't and n't've; those of the second list also 've; those of the third only n't.
constexpr std::string_view kVerbs =
    "ca could do does did had may might must need ought sha should wo would";
constexpr std::string_view kVerbsWithHave = "could might must should would";
constexpr std::string_view kVerbsWithNotOnly = "ai are is was were have has dare";

// Contractions without an apostrophe that are words of their own.
constexpr std::string_view kWords =
    "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore";

template <class Visit>
void for_each_word(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    visit(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

bool is_one_of(std::string_view word, std::string_view list) {
  bool found = false;
  for_each_word(list, [&](std::string_view other) { found |= word == other; });
  return found;
}

std::string without(std::string_view text, char sign) {
  std::string kept(text);
  std::erase(kept, sign);
  return kept;
}

std::string with_curly_apostrophes(std::string_view text) {
  std::string curly;
  for (const char c : text) c == '\'' ? curly.append("’") : curly.append(1, c);
  return curly;
}

}  // namespace

EnglishExceptions::EnglishExceptions() {
  cuts_.reserve(1400);
  for (const std::string_view sign : kWholeSigns)
    for (const std::string& written : {std::string(sign), with_curly_apostrophes(sign)}) {
      cuts_[written] = {static_cast<std::uint8_t>(written.size())};
      longest_bytes_ = std::max(longest_bytes_, written.size());
    }
  for (char letter = 'a'; letter <= 'z'; ++letter) add(fmt::format("{}.", letter));
  for (const char letter : std::string_view("cfkCFK")) add(fmt::format("°|{}|.", letter));
  for_each_word(kWholeWords, [&](std::string_view word) { add(word); });
  for_each_word(kShortened, [&](std::string_view word) {
    add_both(std::string(word));
    add_both(std::string(word) + "'");
  });
  for_each_word(kCut, [&](std::string_view parts) { add_both(std::string(parts)); });
  for (const char* parts : {"not|ve", "y'|all", "y|all"}) add(parts);
  for (int hour = 1; hour <= 12; ++hour)
    for (const char* half : {"a.m.", "am", "p.m.", "pm"}) add(fmt::format("{}|{}", hour, half));
  add_pronouns();
  add_question_words();
  add_verbs();
  remove_words();
}

void EnglishExceptions::add(std::string_view parts) {
  for (const std::string& written : {std::string(parts), with_curly_apostrophes(parts)}) {
    EnglishCuts cuts{};
    std::size_t count = 0;
    std::string_view rest = written;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('|'), rest.size());
      cuts[count++] = static_cast<std::uint8_t>(end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const std::string word = without(written, '|');
    longest_bytes_ = std::max(longest_bytes_, word.size());
    cuts_[word] = cuts;
  }
}

void EnglishExceptions::add_both(const std::string& parts) {
  std::string capital = parts;
  if (capital[0] >= 'a' && capital[0] <= 'z') capital[0] = static_cast<char>(capital[0] - 32);
  add(parts);
  add(capital);
}

// Each form also without its apostrophes: "he|'ll" and "he|ll".
void EnglishExceptions::add_pronouns() {
  for_each_word(kPronouns, [&](std::string_view pronoun) {
    std::string endings = "|'ll |'ll|'ve |'d |'d|'ve";
    if (is_one_of(pronoun, "i")) endings += " |'m |'m|a";
    if (is_one_of(pronoun, "i you we they")) endings += " |'ve";
    if (is_one_of(pronoun, "you we they")) endings += " |'re";
    if (is_one_of(pronoun, "he she it")) endings += " |'s";
    for_each_word(endings, [&](std::string_view ending) {
      add_both(fmt::format("{}{}", pronoun, ending));
      add_both(fmt::format("{}{}", pronoun, without(ending, '\'')));
    });
  });
}

void EnglishExceptions::add_question_words() {
  for_each_word(kQuestionWords, [&](std::string_view word) {
    std::string endings = "|'ll |'ll|'ve |'d |'d|'ve";
    if (!is_one_of(word, "these those")) endings += " |'s";
    if (!is_one_of(word, "that this")) endings += " |'re |'ve";
    for_each_word(endings, [&](std::string_view ending) {
      add_both(fmt::format("{}{}", word, ending));
      add_both(fmt::format("{}{}", word, without(ending, '\'')));
    });
  });
}

void EnglishExceptions::add_verbs() {
  const auto add_endings = [&](std::string_view verbs, std::string_view endings) {
    for_each_word(verbs, [&](std::string_view verb) {
      for_each_word(endings, [&](std::string_view ending) {
        add_both(fmt::format("{}{}", verb, ending));
        add_both(fmt::format("{}{}", verb, without(ending, '\'')));
      });
    });
  };
  add_endings(kVerbs, "|n't |n't|'ve");
  add_endings(kVerbsWithHave, "|'ve");
  add_endings(kVerbsWithNotOnly, "|n't");
}

void EnglishExceptions::remove_words() {
  for_each_word(kWords, [&](std::string_view word) { cuts_.erase(std::string(word)); });
}

const EnglishExceptions& english_exceptions() {
  static const EnglishExceptions exceptions;
  return exceptions;
}

}  // namespace stemma::split
