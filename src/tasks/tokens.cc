// Tagging: a label for each word of a text, and the named entities that the labels spell. A word is
// cut into pieces by itself, and the state of one of them stands for it: the first, or, where a
// token sees only those before it, the last. Words that the tokenizer has no piece for, and those
// beyond the longest sequence, are tagged "O".
#include <algorithm>

#include "data/labelled/tag_scheme.h"
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

constexpr const char* kOutside = "O";

// The pieces of all words one after the other.
struct Pieces {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> begins;  // [words + 1]
};

// Words [first, end) as one sequence.
struct WordWindow {
  std::int64_t first = 0, end = 0;
};

class Tokens final : public Task {
 public:
  Tokens(TaskDescription description, const Tokenizer& tokenizer)
      : Task(std::move(description), tokenizer) {}

  labelled::Wanted wanted() const override { return labelled::Wanted::words; }

  Prediction predict(const labelled::Row& row, const EncodedExample& example,
                     std::span<const float> scores) const override {
    Prediction p;
    const std::size_t k = description().labels.size();
    for (std::size_t w = 0; w < row.words.size(); ++w) {
      const std::int32_t at = example.word_rows[w];
      if (at < 0) {
        p.tags.emplace_back(kOutside);
        p.tag_confidence.push_back(1);
        continue;
      }
      const auto all = softmax(scores.subspan(static_cast<std::size_t>(at) * k, k));
      const auto best = static_cast<std::size_t>(largest(all));
      p.tags.push_back(description().labels[best]);
      p.tag_confidence.push_back(all[best]);
    }
    if (description().tag_scheme != labelled::to_string(labelled::TagScheme::plain))
      p.entities = entities_of_tags(p.tags);
    return p;
  }

 protected:
  void encode_texts(const labelled::Row& row, EncodedExample& example) const override {
    const Pieces pieces = pieces_of(row);
    const auto words = std::ssize(row.words);
    example.word_rows.assign(row.words.size(), -1);
    example.rows = 0;
    const std::vector<WordWindow> windows = windows_of(pieces, words);
    for (const WordWindow& window : windows) add_window(pieces, window, example);
    if (!windows.empty() && windows.back().end < words)
      example.cut_tokens = pieces.begins.back() - pieces.begins[index(windows.back().end)];
    for (std::int64_t w = 0; w < words; ++w) add_word(pieces, windows, w, example);
  }

  std::vector<float> wanted_of(const labelled::Row& row,
                               const EncodedExample& example) const override {
    if (row.tags.empty()) return {};
    const std::size_t k = description().labels.size();
    std::vector<float> wanted(static_cast<std::size_t>(example.rows) * k);
    for (std::size_t w = 0; w < row.tags.size(); ++w) {
      if (example.word_rows[w] < 0) continue;
      const std::int64_t tag = description().label_index(row.tags[w]);
      if (tag < 0) return {};
      wanted[static_cast<std::size_t>(example.word_rows[w]) * k + index(tag)] = 1;
    }
    return wanted;
  }

 private:
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

  Pieces pieces_of(const labelled::Row& row) const {
    Pieces pieces;
    pieces.begins.push_back(0);
    for (const labelled::ByteRange& word : row.words) {
      // Byte-level encodings keep the blank before a word in its first piece.
      const bool blank = word.begin > 0 && row.text[index(word.begin) - 1] == ' ';
      const std::int64_t begin = word.begin - (blank ? 1 : 0);
      std::vector<std::int32_t> ids =
          framer().ids(std::string_view(row.text).substr(index(begin), index(word.end - begin)));
      // One word alone can be longer than a sequence.
      ids.resize(std::min(ids.size(), index(framer().room())));
      pieces.ids.insert(pieces.ids.end(), ids.begin(), ids.end());
      pieces.begins.push_back(std::ssize(pieces.ids));
    }
    return pieces;
  }

  // As many words as fit; then, where all are to be read, windows that begin in the middle of the
  // one before.
  std::vector<WordWindow> windows_of(const Pieces& pieces, std::int64_t words) const {
    std::vector<WordWindow> windows;
    for (std::int64_t first = 0; first < words;) {
      WordWindow window{first, first};
      const std::int64_t most = pieces.begins[index(first)] + framer().room();
      while (window.end < words && pieces.begins[index(window.end) + 1] <= most) ++window.end;
      windows.push_back(window);
      if (window.end == words || !description().windows) break;
      const std::int64_t middle =
          (pieces.begins[index(first)] + pieces.begins[index(window.end)]) / 2;
      std::int64_t next = first + 1;
      while (next < window.end && pieces.begins[index(next)] < middle) ++next;
      first = next;
    }
    return windows;
  }

  void add_window(const Pieces& pieces, const WordWindow& window, EncodedExample& example) const {
    const auto begin = pieces.ids.begin() + pieces.begins[index(window.first)];
    const auto end = pieces.ids.begin() + pieces.begins[index(window.end)];
    std::int64_t cut = 0;
    example.texts.push_back(framer().one(std::vector<std::int32_t>(begin, end), cut));
  }

  // From the window in which the word is farthest from a cut end.
  void add_word(const Pieces& pieces, const std::vector<WordWindow>& windows, std::int64_t w,
                EncodedExample& example) const {
    const std::int64_t first = pieces.begins[index(w)], end = pieces.begins[index(w) + 1];
    if (first == end) return;
    const std::int64_t piece = description().last_piece ? end - 1 : first;
    std::int64_t best = -1, best_distance = -1;
    for (std::int64_t i = 0; i < std::ssize(windows); ++i) {
      const WordWindow& window = windows[index(i)];
      if (w < window.first || w >= window.end) continue;
      const std::int64_t before =
          window.first == 0 ? INT64_MAX : piece - pieces.begins[index(window.first)];
      const std::int64_t behind =
          i + 1 == std::ssize(windows) ? INT64_MAX : pieces.begins[index(window.end)] - 1 - piece;
      if (const std::int64_t distance = std::min(before, behind); distance > best_distance) {
        best = i;
        best_distance = distance;
      }
    }
    if (best < 0) return;
    const std::int64_t begin = pieces.begins[index(windows[index(best)].first)];
    example.word_rows[index(w)] = example.rows;
    example.terms.push_back({.row = example.rows,
                             .text = static_cast<std::int32_t>(best),
                             .token = static_cast<std::int32_t>(framer().begin() + piece - begin)});
    ++example.rows;
  }
};

}  // namespace

std::unique_ptr<Task> make_tokens(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_tokens(TaskDescription description, const Tokenizer& tokenizer) {
  return std::make_unique<Tokens>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks
