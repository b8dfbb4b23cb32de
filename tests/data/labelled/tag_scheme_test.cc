// Schemes of tags, and entities against those of seqeval.
#include "data/labelled/tag_scheme.h"

#include <sstream>

#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

std::vector<std::string> tags_of(const std::string& text) {
  std::istringstream words(text);
  std::vector<std::string> result;
  for (std::string word; words >> word;) result.push_back(word);
  return result;
}

TagSchemeNotes scheme_of(const std::vector<std::string>& sentences) {
  TagSchemeFinder finder;
  for (const std::string& sentence : sentences) finder.add(tags_of(sentence));
  return finder.found();
}

std::string normalised(const std::string& tags, TagScheme scheme) {
  std::vector<std::string> all = tags_of(tags);
  normalise_tags(all, scheme);
  std::string text;
  for (const std::string& tag : all) text += (text.empty() ? "" : " ") + tag;
  return text;
}

// The fixture: random sequences of B, I (and E, S), well-formed or not, and what
// seqeval.metrics.sequence_labeling.get_entities of seqeval 1.2.2 gives for each.
TEST(Entities, AreThoseOfSeqeval) {
  std::istringstream lines(test::read_all(std::filesystem::path(STEMMA_SOURCE_DIR) /
                                          "tests/data/labelled/fixtures/seqeval_entities.tsv"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::size_t tab = line.find('\t');
    std::string found;
    for (const Entity& entity : entities_of_tags(tags_of(line.substr(0, tab))))
      found += (found.empty() ? "" : " ") + entity.label + ":" + std::to_string(entity.first) +
               ":" + std::to_string(entity.last);
    EXPECT_EQ(found, line.substr(tab + 1)) << line;
  }
  EXPECT_EQ(count, 400);
}

TEST(TagScheme, IsRecognised) {
  EXPECT_EQ(scheme_of({"NNP VBZ , -LRB- B"}).scheme, TagScheme::plain);
  EXPECT_EQ(scheme_of({"I-PER I-PER B-PER O"}).scheme, TagScheme::iob1);
  EXPECT_EQ(scheme_of({"B-PER I-PER O B-LOC", "O"}).scheme, TagScheme::bio);
  EXPECT_EQ(scheme_of({"B-PER E-PER S-LOC O"}).scheme, TagScheme::bioes);
  EXPECT_EQ(scheme_of({"B M E S"}).scheme, TagScheme::bioes);
  EXPECT_EQ(scheme_of({"B-X M-X E-X W-X"}).letters, "BEMW");
  EXPECT_EQ(scheme_of({"O O"}).scheme, TagScheme::bio);
}

TEST(TagScheme, IllFormedSequencesAreCounted) {
  const TagSchemeNotes bio = scheme_of({"B-A I-A", "O I-A", "B-A I-B", "B-B O"});
  EXPECT_EQ(bio.scheme, TagScheme::bio);
  EXPECT_EQ(bio.ill_formed, 2);
  EXPECT_EQ(bio.says, "tags are BIO; 2 of 4 sequences are ill-formed");
  EXPECT_EQ(scheme_of({"B-A E-A S-B", "B-A", "B-A S-A", "E-A", "B-A I-B E-B", "B-A O"}).ill_formed,
            5);
}

TEST(TagScheme, OneFormForAll) {
  EXPECT_EQ(normalised("I-A I-A B-A I-B O I-B", TagScheme::iob1), "B-A I-A B-A B-B O B-B");
  EXPECT_EQ(normalised("B-A M-A E-A W-B O", TagScheme::bioes), "B-A I-A E-A S-B O");
  EXPECT_EQ(normalised("B-A L-A U-B", TagScheme::bioes), "B-A E-A S-B");
  EXPECT_EQ(normalised("I-A M", TagScheme::bio), "I-A M");
}

}  // namespace
}  // namespace stemma::labelled
