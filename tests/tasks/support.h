// What the tests of tasks share: tokenizers whose ids are easy to see, and rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "data/labelled/words.h"
#include "tasks/task.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/small_tokenizers.h"
#include "text/tokenizer.h"

namespace stemma::tasks {

using Ids = std::vector<std::int32_t>;

// The ids of a text of lower-case words.
inline Ids letters_of(std::string_view text) {
  Ids ids;
  bool start = true;
  for (const char c : text) {
    if (c != ' ') ids.push_back(start ? letter(c) : inner(c));
    start = c == ' ';
  }
  return ids;
}

inline Ids joined(std::initializer_list<Ids> parts) {
  Ids all;
  for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline TaskDescription described(TaskKind kind, std::vector<std::string> labels,
                                 std::int64_t max_tokens = 32) {
  TaskDescription task;
  task.kind = kind;
  if (kind == TaskKind::choice) task.problem = kChoice;
  if (kind == TaskKind::tokens) task.input = HeadInput::tokens;
  task.labels = std::move(labels);
  task.max_tokens = max_tokens;
  return task;
}

inline labelled::Row text_row(std::string text, std::vector<std::string> labels = {}) {
  labelled::Row row;
  row.text = std::move(text);
  row.labels = std::move(labels);
  row.line = 7;
  return row;
}

inline labelled::Row pair_row(std::string first, std::string second,
                              std::vector<std::string> labels = {}) {
  labelled::Row row = text_row(std::move(first), std::move(labels));
  row.second = std::move(second);
  return row;
}

inline labelled::Row word_row(std::string text, std::vector<std::string> tags = {}) {
  labelled::Row row = text_row(std::move(text));
  row.words = labelled::words_between_blanks(row.text);
  row.tags = std::move(tags);
  return row;
}

// models/minilm, which scripts/get-model.sh brings; empty where it is missing.
inline std::filesystem::path minilm_folder() {
  const std::filesystem::path folder =
      std::filesystem::path(STEMMA_SOURCE_DIR) / "models" / "minilm";
  return std::filesystem::exists(folder / "tokenizer.json") ? folder : std::filesystem::path();
}

}  // namespace stemma::tasks
