#include "text/grammar/regex/regex_tree.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/limits.h"
#include "text/grammar/regex/regex_classes.h"
#include "text/unicode/utf8.h"

namespace stemma::grammar {
namespace {

using Kind = RegexNode::Kind;
using Id = std::uint32_t;

class RegexParser {
 public:
  RegexParser(std::string_view pattern, std::string_view place)
      : in_{pattern, 0, std::string(place)} {
    if (pattern.size() > kMaxPatternBytes)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[{}] a regular expression must have at most {} bytes, got {}", place,
                              kMaxPatternBytes, pattern.size()));
    if (!unicode::is_valid_utf8(pattern))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[{}] a regular expression must be UTF-8", place));
  }

  RegexTree run() {
    tree_.root = choice(0);
    if (!in_.at_end()) in_.fail("there is a ) without its (");
    return std::move(tree_);
  }

 private:
  Id add(RegexNode node) {
    tree_.nodes.push_back(std::move(node));
    return static_cast<Id>(tree_.nodes.size() - 1);
  }
  Id characters(CharSet set) { return add({Kind::characters, std::move(set), {}, 0, 0}); }

  Id choice(std::size_t depth) {
    if (depth > kMaxGroupDepth)
      in_.fail(fmt::format("groups must be nested at most {} deep", kMaxGroupDepth));
    std::vector<Id> parts = {sequence(depth)};
    while (in_.take("|")) parts.push_back(sequence(depth));
    return parts.size() == 1 ? parts.front() : add({Kind::choice, {}, std::move(parts), 0, 0});
  }

  Id sequence(std::size_t depth) {
    std::vector<Id> parts;
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')') {
      const Id atom = this->atom(depth);
      parts.push_back(quantified(atom));
    }
    return parts.size() == 1 ? parts.front() : add({Kind::sequence, {}, std::move(parts), 0, 0});
  }

  Id atom(std::size_t depth) {
    if (in_.take("(")) return group(depth);
    if (in_.take("[")) return characters(read_class(in_));
    if (in_.take(".")) return characters(dot());
    if (in_.take("^")) return add({Kind::begin, {}, {}, 0, 0});
    if (in_.take("$")) return add({Kind::end, {}, {}, 0, 0});
    if (in_.peek() == '*' || in_.peek() == '+' || in_.peek() == '?' || counts())
      in_.fail("there is nothing to repeat");
    if (in_.take("\\")) return characters(read_escape(in_, false));
    const char32_t c = in_.next();
    return characters(CharSet::of({{c, c}}));
  }

  Id group(std::size_t depth) {
    if (in_.take("?")) {
      for (const char* sign : {"=", "!", "<=", "<!"})
        if (in_.take(sign)) in_.fail("look-around is not supported");
      if (in_.take("P=")) in_.fail("back-references are not supported");
      if (in_.take("P<") || in_.take("<")) {
        while (!in_.at_end() && in_.peek() != '>') in_.next();
        if (!in_.take(">")) in_.fail("the name of a group must end with >");
      } else if (!in_.take(":")) {
        in_.fail("of groups with (? only (?: and (?<name> are supported, no flags");
      }
    }
    const Id inside = choice(depth + 1);
    if (!in_.take(")")) in_.fail("a ) is missing");
    return inside;
  }

  // {2}, {2,} or {2,3} that begins here; nothing is taken. A brace that is none of these is text.
  std::optional<std::pair<std::int64_t, std::int64_t>> counts() {
    const std::size_t begin = in_.at;
    const auto found = read_counts();
    end_of_counts_ = in_.at;
    in_.at = begin;
    return found;
  }
  std::optional<std::pair<std::int64_t, std::int64_t>> read_counts() {
    if (!in_.take("{")) return {};
    const auto least = read_number();
    if (!least) {
      if (in_.take(",") && read_number() && in_.take("}"))
        in_.fail("{,n} has two meanings: write {0,n}");
      return {};
    }
    auto most = least;
    if (in_.take(",")) most = read_number().value_or(-1);
    if (!in_.take("}")) return {};
    return std::pair(*least, *most);
  }
  std::optional<std::int64_t> read_number() {
    std::int64_t value = 0;
    bool any = false;
    for (; !in_.at_end() && in_.peek() >= '0' && in_.peek() <= '9'; any = true)
      value = std::min<std::int64_t>(value * 10 + (in_.next() - '0'), 1'000'000'000'000);
    return any ? std::optional(value) : std::nullopt;
  }

  Id quantified(Id atom) {
    std::int64_t least = 0, most = -1;
    const std::size_t begin = in_.at;
    if (in_.take("+")) {
      least = 1;
    } else if (in_.take("?")) {
      most = 1;
    } else if (!in_.take("*")) {
      const auto found = counts();
      if (!found) return atom;
      std::tie(least, most) = *found;
      in_.at = end_of_counts_;
    }
    const std::string written(in_.text.substr(begin, in_.at - begin));
    if (least > kMaxRepeat || most > kMaxRepeat)
      in_.fail(fmt::format("a repetition must be at most {} times, got {}", kMaxRepeat, written));
    if (most >= 0 && most < least) in_.fail(fmt::format("{} has its numbers reversed", written));
    if (const Kind kind = tree_.nodes[atom].kind; kind == Kind::begin || kind == Kind::end)
      in_.fail("^ and $ cannot be repeated");
    in_.take("?");
    if (in_.peek() == '+') in_.fail("possessive quantifiers are not supported");
    if (in_.peek() == '*' || in_.peek() == '?' || counts())
      in_.fail("there is nothing to repeat between two quantifiers");
    return add({Kind::repeat, {}, {atom}, least, most});
  }

  RegexText in_;
  RegexTree tree_;
  std::size_t end_of_counts_ = 0;
};

}  // namespace

RegexTree parse_regex(std::string_view pattern, std::string_view place) {
  return RegexParser(pattern, place).run();
}

}  // namespace stemma::grammar
