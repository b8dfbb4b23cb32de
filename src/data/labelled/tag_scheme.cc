#include "data/labelled/tag_scheme.h"

#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::labelled {
namespace {

struct Parts {
  char prefix = 'O';
  std::string_view label;
};

// "B-PER" is B and PER, "B" is B and "_". "O" has no label.
Parts parts_of(std::string_view tag) {
  if (tag.empty() || tag == "O") return {};
  if (tag.size() < 2) return {tag[0], "_"};
  const std::string_view label = tag.substr(tag[1] == '-' ? 2 : 1);
  return {tag[0], label.empty() ? std::string_view("_") : label};
}

// In the letters of BIOES.
char standard_letter(char prefix) {
  switch (prefix) {
    case 'M':
      return 'I';
    case 'L':
      return 'E';
    case 'W':
    case 'U':
      return 'S';
    default:
      return prefix;
  }
}

bool is_tag_of_scheme(std::string_view tag) {
  if (tag == "O") return true;
  if (tag.empty() || std::string_view("BIESMLWU").find(tag[0]) == std::string_view::npos)
    return false;
  return tag.size() == 1 || (tag[1] == '-' && tag.size() > 2);
}

bool is_inside(char letter) { return letter == 'I' || letter == 'E'; }
// An entity may go on behind it.
bool is_open(char letter) { return letter == 'B' || letter == 'I'; }

}  // namespace

std::string to_string(TagScheme scheme) {
  switch (scheme) {
    case TagScheme::plain:
      return "plain";
    case TagScheme::iob1:
      return "IOB1";
    case TagScheme::bio:
      return "BIO";
    case TagScheme::bioes:
      return "BIOES";
  }
  return "unknown";
}

void TagSchemeFinder::add(std::span<const std::string> tags) {
  ++sequences_;
  bool bad_bio = false, bad_iob1 = false, bad_bioes = false;
  Parts before;
  for (const std::string& tag : tags) {
    if (!is_tag_of_scheme(tag)) {
      plain_ = true;
      return;
    }
    Parts now = parts_of(tag);
    if (now.prefix != 'O') {
      letters_[now.prefix - 'A'] = true;
      any_prefix_ = true;
    }
    now.prefix = standard_letter(now.prefix);
    const bool same = before.prefix != 'O' && before.label == now.label;
    if (now.prefix == 'I' && !same) ++begun_by_i_, bad_bio = true;
    if (now.prefix == 'B' && !same) ++needless_b_, bad_iob1 = true;
    const bool goes_on = is_inside(now.prefix);
    if (is_open(before.prefix) != goes_on || (goes_on && before.label != now.label))
      bad_bioes = true;
    before = now;
  }
  bad_bioes = bad_bioes || is_open(before.prefix);
  ill_formed_bio_ += bad_bio;
  ill_formed_iob1_ += bad_iob1;
  ill_formed_bioes_ += bad_bioes;
}

TagSchemeNotes TagSchemeFinder::found() const {
  TagSchemeNotes notes;
  notes.sequences = sequences_;
  if (plain_ || (!any_prefix_ && sequences_ == 0)) {
    notes.says = "tags are plain words without prefixes";
    return notes;
  }
  bool ends = false;
  for (char letter = 'A'; letter <= 'Z'; ++letter)
    if (letters_[letter - 'A']) {
      notes.letters += letter;
      ends = ends || (letter != 'B' && letter != 'I');
    }
  if (ends) {
    notes.scheme = TagScheme::bioes;
    notes.ill_formed = ill_formed_bioes_;
  } else if (begun_by_i_ > 0 && needless_b_ == 0) {
    notes.scheme = TagScheme::iob1;
    notes.ill_formed = ill_formed_iob1_;
  } else {
    notes.scheme = TagScheme::bio;
    notes.ill_formed = ill_formed_bio_;
  }
  notes.says = fmt::format("tags are {}", to_string(notes.scheme));
  if (notes.scheme == TagScheme::iob1) notes.says += " and become BIO";
  if (notes.letters.find_first_of("MLWU") != std::string::npos)
    notes.says += fmt::format(" (written with {})", notes.letters);
  if (notes.ill_formed > 0)
    notes.says += fmt::format("; {} of {} sequences are ill-formed", notes.ill_formed, sequences_);
  return notes;
}

void normalise_tags(std::vector<std::string>& tags, TagScheme scheme) {
  if (scheme != TagScheme::iob1 && scheme != TagScheme::bioes) return;
  std::string before = "O";
  for (std::string& tag : tags) {
    const std::string as_read = tag;
    const Parts now = parts_of(as_read), last = parts_of(before);
    if (scheme == TagScheme::bioes && now.prefix != 'O')
      tag[0] = standard_letter(now.prefix);
    else if (now.prefix == 'I' && (last.prefix == 'O' || last.label != now.label))
      tag[0] = 'B';
    before = as_read;
  }
}

std::vector<Entity> entities_of_tags(std::span<const std::string> tags) {
  std::vector<Entity> entities;
  Parts before;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (!is_tag_of_scheme(tags[i]))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[tags] a tag must be O, or B, I, E or S with a label after '-', got "
                              "'{}'",
                              tags[i].substr(0, 80)));
    const Parts now = parts_of(tags[i]);
    const auto word = static_cast<std::int64_t>(i);
    const bool goes_on = now.prefix != 'B' && now.prefix != 'S' && is_open(before.prefix) &&
                         before.label == now.label;
    if (now.prefix != 'O' && goes_on)
      entities.back().last = word;
    else if (now.prefix != 'O')
      entities.push_back({std::string(now.label), word, word});
    before = now;
  }
  return entities;
}

}  // namespace stemma::labelled
