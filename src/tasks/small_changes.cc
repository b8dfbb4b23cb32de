#include "tasks/small_changes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::tasks {
namespace {

constexpr std::uint32_t kWordsATypo = 6, kPlacesASpace = 8;
constexpr std::size_t kTypoLetters = 4;  // of the shortest word that gets one
constexpr std::string_view kMarksOfEnds = ".,;:!?";
// The neighbours of the keys a to z on a QWERTY keyboard.
constexpr std::array<std::string_view, 26> kNeighbourKeys = {
    "qwsz",   "vghn",  "xdfv", "serfcx", "wsdr", "drtgvc", "ftyhbv", "gyujnb", "ujko",
    "huikmn", "jiolm", "kop",  "njk",    "bhjm", "iklp",   "ol",     "wa",     "edft",
    "awedxz", "rfgy",  "yhji", "cfgb",   "qase", "zsdc",   "tghu",   "asx"};

// Bytes [begin, end) of a text become `with`. Lists of them ascend, and none lies over another.
struct Edit {
  std::size_t begin = 0, end = 0;
  std::string with;
};
using Edits = std::vector<Edit>;

// The random numbers of one text of one row, by place in it.
class Draws {
 public:
  // What is drawn for a row as a whole.
  static constexpr std::uint32_t kOfKind = 0xFFFF00, kOfStyle = 0xFFFF01;

  Draws(std::uint64_t seed, std::uint64_t index, SmallChange kind, std::uint32_t text)
      : key_(philox_key(seed)),
        index_(index),
        site_(static_cast<std::uint32_t>(kind) << 24 | text) {}

  std::array<std::uint32_t, 4> at(std::size_t place) const {
    return philox(
        key_, {static_cast<std::uint32_t>(index_), static_cast<std::uint32_t>(index_ >> 32), site_,
               static_cast<std::uint32_t>(place)});
  }

 private:
  PhiloxKey key_;
  std::uint64_t index_;
  std::uint32_t site_;
};

// One of 0 to count - 1, each as likely but for count / 2^32.
std::size_t drawn_below(std::uint32_t bits, std::size_t count) {
  return static_cast<std::size_t>(static_cast<std::uint64_t>(bits) * count >> 32);
}

// A character of a text; a byte that is no UTF-8 is one of its own.
struct Character {
  std::size_t begin = 0, end = 0;
  char32_t code = 0xFFFD;

  unicode::CharClass kind() const { return unicode::char_class(code); }
  bool is_space() const { return kind() == unicode::CharClass::space; }
  bool is_letter() const { return unicode::kLetters.has(kind()); }
};

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> all;
  for (std::size_t place = 0; place < text.size();) {
    Character c{place, place, 0xFFFD};
    c.end = place += std::max<std::size_t>(unicode::decode_utf8(text.substr(place), c.code), 1);
    all.push_back(c);
  }
  return all;
}

// The opposite of unicode::lower_case(): of several capitals the first, which is the usual one (Å
// of Latin-1 goes before the sign of the angstrom).
char32_t upper_case(char32_t c) {
  if (c < 0x80) return c >= U'a' && c <= U'z' ? c - (U'a' - U'A') : c;
  using Capital = std::pair<char32_t, char32_t>;  // small letter, capital
  static const std::vector<Capital> capitals = [] {
    using namespace unicode::unicode_tables;
    std::vector<Capital> list;
    const LowerCase* end = kLowerCases + kFirstLowerCase[0x110000 / 256];
    for (const LowerCase* one = kLowerCases; one != end; ++one)
      list.emplace_back(one->to, one->from);
    std::sort(list.begin(), list.end());
    return list;
  }();
  const auto found = std::lower_bound(capitals.begin(), capitals.end(), Capital{c, 0});
  return found != capitals.end() && found->first == c ? found->second : c;
}

// One wrong letter, or two. `word` ASCII letters, at least kTypoLetters; `begin`: where it stands.
Edit typo_in(std::string_view word, std::size_t begin, std::array<std::uint32_t, 4> bits) {
  enum : std::size_t { swapped, doubled, missing, neighbour, ways };
  const std::size_t way = drawn_below(bits[1], ways);
  if (way == swapped) {
    std::vector<std::size_t> places;  // of inner letters with another one behind them
    for (std::size_t i = 1; i + 2 < word.size(); ++i)
      if (word[i] != word[i + 1]) places.push_back(i);
    if (!places.empty()) {
      const std::size_t i = places[drawn_below(bits[2], places.size())];
      return {begin + i, begin + i + 2, {word[i + 1], word[i]}};
    }
  }
  const std::size_t i = 1 + drawn_below(bits[2], word.size() - 1);
  if (way == missing) return {begin + i, begin + i + 1, {}};
  if (way != neighbour) return {begin + i, begin + i, {word[i]}};  // also where nothing can swap
  const bool small = word[i] >= 'a';
  const std::string_view keys =
      kNeighbourKeys[static_cast<std::size_t>(word[i] - (small ? 'a' : 'A'))];
  const char key = keys[drawn_below(bits[3], keys.size())];
  return {begin + i, begin + i + 1, {small ? key : static_cast<char>(key - 'a' + 'A')}};
}

// Of the words in bytes [begin, end): runs of letters and their marks.
void add_typos(std::string_view text, std::pair<std::size_t, std::size_t> range, const Draws& draws,
               Edits& edits) {
  const std::string_view part = text.substr(range.first, range.second - range.first);
  const std::vector<Character> characters = characters_of(part);
  const auto goes_on = [&](const Character& c) {
    return c.is_letter() || c.kind() == unicode::CharClass::mark;
  };
  for (auto first = characters.begin(); first != characters.end();) {
    const auto last = std::find_if_not(first, characters.end(), goes_on);
    if (last == first) {
      ++first;
      continue;
    }
    const std::string_view word = part.substr(first->begin, (last - 1)->end - first->begin);
    const bool ascii = word.size() == static_cast<std::size_t>(last - first);
    const std::size_t begin = range.first + first->begin;
    const auto bits = draws.at(begin);
    if (ascii && word.size() >= kTypoLetters && drawn_below(bits[0], kWordsATypo) == 0)
      edits.push_back(typo_in(word, begin, bits));
    first = last;
  }
}

Edits typos_of(std::string_view text, const std::vector<labelled::ByteRange>& words,
               const Draws& draws) {
  Edits edits;
  if (words.empty()) add_typos(text, {0, text.size()}, draws, edits);
  // Within each word, so that none vanishes.
  for (const labelled::ByteRange& word : words)
    add_typos(text, {static_cast<std::size_t>(word.begin), static_cast<std::size_t>(word.end)},
              draws, edits);
  return edits;
}

enum class CaseStyle : std::uint8_t { lower, upper, capitalised };

Edits casing_of(std::string_view text, CaseStyle style) {
  Edits edits;
  bool begins = true;  // nothing of the word was there yet but punctuation
  for (const Character& c : characters_of(text)) {
    const bool first = begins && (c.is_letter() || c.kind() == unicode::CharClass::number);
    begins = c.is_space() || (begins && !first);
    char32_t other = c.code;
    if (style == CaseStyle::lower) other = unicode::lower_case(c.code);
    if (style == CaseStyle::upper || (style == CaseStyle::capitalised && first))
      other = upper_case(c.code);
    if (other != c.code) edits.push_back({c.begin, c.end, unicode::to_utf8(other)});
  }
  return edits;
}

Edits spacing_of(std::string_view text, const std::vector<labelled::ByteRange>& words,
                 const Draws& draws) {
  Edits edits;
  const std::vector<Character> all = characters_of(text);
  const auto begins_word = [&](std::size_t place) {
    const auto at = static_cast<std::int64_t>(place);
    const auto word = std::lower_bound(
        words.begin(), words.end(), at,
        [](const labelled::ByteRange& range, std::int64_t wanted) { return range.begin < wanted; });
    return words.empty() || (word != words.end() && word->begin == at);
  };
  const auto is_blank = [](const Character& c) { return c.code == U' '; };
  for (auto c = all.begin(); c != all.end(); ++c) {
    if (c == all.begin() || (c - 1)->is_space()) continue;
    const bool between = is_blank(*c);
    const auto next = between ? std::find_if_not(c, all.end(), is_blank) : c + 1;
    const bool at_end = next == all.end();
    const bool before_mark =
        c->code < 0x80 && kMarksOfEnds.find(static_cast<char>(c->code)) != kMarksOfEnds.npos &&
        (at_end || next->is_space()) && begins_word(c->begin) &&
        ((c - 1)->is_letter() || (c - 1)->kind() == unicode::CharClass::number);
    if (!before_mark && (!between || at_end || next->is_space())) continue;
    const auto bits = draws.at(c->begin);
    if (drawn_below(bits[0], kPlacesASpace) != 0) continue;
    const bool lost = between && words.empty() && drawn_below(bits[1], 2) == 0;
    if (lost)
      edits.push_back({c->begin, next->begin, {}});
    else
      edits.push_back({c->begin, c->begin, " "});
  }
  return edits;
}

void apply(const Edits& edits, std::string& text, std::vector<labelled::ByteRange>& words) {
  std::string result;
  std::size_t place = 0;
  for (const Edit& edit : edits) {
    result.append(text, place, edit.begin - place).append(edit.with);
    place = edit.end;
  }
  result.append(text, place);
  text = std::move(result);
  // Edits before a word move its begin, those before and in it its end.
  const auto growth = [](const Edit& edit) {
    return std::ssize(edit.with) - static_cast<std::int64_t>(edit.end - edit.begin);
  };
  std::int64_t before_begin = 0, before_end = 0;
  auto next_begin = edits.begin(), next_end = edits.begin();
  for (labelled::ByteRange& word : words) {
    for (; next_begin != edits.end() && static_cast<std::int64_t>(next_begin->end) <= word.begin;
         ++next_begin)
      before_begin += growth(*next_begin);
    for (; next_end != edits.end() && static_cast<std::int64_t>(next_end->begin) < word.end;
         ++next_end)
      before_end += growth(*next_end);
    word.begin += before_begin;
    word.end += before_end;
  }
}

}  // namespace

std::string_view to_string(SmallChange kind) {
  constexpr std::array<std::string_view, 4> kNames = {"typos", "casing", "spacing", "all"};
  return kNames[static_cast<std::size_t>(kind)];
}

SmallChange drawn_change(std::uint64_t seed, std::uint64_t index) {
  const auto bits = Draws(seed, index, SmallChange::all, Draws::kOfKind).at(0);
  return kSmallChanges[drawn_below(bits[0], kSmallChanges.size())];
}

labelled::Row changed(const labelled::Row& row, SmallChange kind, std::uint64_t seed,
                      std::uint64_t index) {
  if (kind == SmallChange::all) kind = drawn_change(seed, index);
  const auto style =
      static_cast<CaseStyle>(drawn_below(Draws(seed, index, kind, Draws::kOfStyle).at(0)[0], 3));
  labelled::Row result = row;
  std::vector<labelled::ByteRange> none;
  std::uint32_t number = 0;
  const auto change = [&](std::string& text, std::vector<labelled::ByteRange>& words) {
    const Draws draws(seed, index, kind, number++);
    const Edits edits = kind == SmallChange::typos    ? typos_of(text, words, draws)
                        : kind == SmallChange::casing ? casing_of(text, style)
                                                      : spacing_of(text, words, draws);
    apply(edits, text, words);
  };
  change(result.text, result.words);
  change(result.second, none);
  for (std::string& choice : result.choices) change(choice, none);
  return result;
}

}  // namespace stemma::tasks
