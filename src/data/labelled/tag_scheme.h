// Tags of words and the entities that they spell: which scheme a data set has, one form for all of
// them, and back to entities.
//
//   TagSchemeFinder finder;
//   for (const Row& row : rows) finder.add(row.tags);
//   const TagSchemeNotes found = finder.found();         // IOB1: "tags are IOB1, ..."
//   for (Row& row : rows) normalise_tags(row.tags, found.scheme);
//   entities_of_tags({"B-PER", "I-PER", "O", "B-LOC"});       // PER 0-1, LOC 3-3
//
//   plain   no prefixes: parts of speech
//   IOB1    I-X, and B-X only where an entity follows another of its kind (CoNLL-2003)
//   BIO     every entity begins with B-X (IOB2)
//   BIOES   and ends with E-X, or is the one word S-X. BMES (M inside), BMEWO and BILOU are the
//           same with other letters.
//
// "O" is outside; a prefix may stand alone (B, I, M ...): the label is then "_". Pure but for the
// finder, which belongs to one thread.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stemma::labelled {

enum class TagScheme : std::uint8_t { plain, iob1, bio, bioes };
// "BIO".
std::string to_string(TagScheme scheme);

struct TagSchemeNotes {
  TagScheme scheme = TagScheme::plain;
  std::string letters;  // the prefixes that occur, in the order of the alphabet: "BEMS"
  std::int64_t sequences = 0;
  std::int64_t ill_formed = 0;  // sequences that the scheme does not allow
  std::string says;             // one sentence
};

// Looks through all tags of a data set.
class TagSchemeFinder {
 public:
  // The tags of one sentence.
  void add(std::span<const std::string> tags);
  TagSchemeNotes found() const;

 private:
  std::int64_t sequences_ = 0;
  bool plain_ = false, any_prefix_ = false;
  bool letters_[26] = {};
  std::int64_t begun_by_i_ = 0;  // I-X where no X goes before
  std::int64_t needless_b_ = 0;  // B-X where no X goes before
  std::int64_t ill_formed_bio_ = 0, ill_formed_iob1_ = 0, ill_formed_bioes_ = 0;  // sequences
};

// IOB1 to BIO, the letters of BMES and the like to BIOES; BIO and plain tags stay. Sequences that
// are ill-formed stay so.
void normalise_tags(std::vector<std::string>& tags, TagScheme scheme);

struct Entity {
  std::string label;
  std::int64_t first = 0, last = 0;  // words, both of the entity
  auto operator<=>(const Entity&) const = default;
};
// Of BIO, IOB1 or BIOES, ascending. Ill-formed sequences as seqeval 1.2's default mode reads them:
// I-X or E-X goes on with an entity only behind B-X or I-X of the same label, and begins one
// elsewhere. Throws invalid_argument for a tag of none of these schemes.
std::vector<Entity> entities_of_tags(std::span<const std::string> tags);

}  // namespace stemma::labelled
