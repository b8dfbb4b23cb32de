// The tables of docs/constrained-output.md.
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/text/grammar/support.h"
#include "tests/text/grammar/validator.h"
#include "tests/text/support.h"

namespace stemma::grammar {
namespace {

std::string document() {
  return read_file(std::filesystem::path(STEMMA_SOURCE_DIR) / "docs/constrained-output.md");
}

// Cells of a table's row; "\|" is a bar.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '|')
      cells.emplace_back();
    else if (line.compare(i, 2, "\\|") == 0)
      cells.back() += line[++i];
    else
      cells.back() += line[i];
  }
  cells.pop_back();
  return cells;
}

std::vector<std::string> between_backticks(const std::string& cell) {
  std::vector<std::string> parts;
  for (std::size_t at = cell.find('`'); at != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    parts.push_back(cell.substr(at + 1, end - at - 1));
    at = cell.find('`', end + 1);
  }
  return parts;
}

// Rows with so many cells whose second is a schema.
std::vector<std::vector<std::string>> rows_of(std::size_t cells) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream text(document());
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| ") || line.starts_with("| keyword | schema |") ||
        line.starts_with("| why | schema |"))
      continue;
    auto row = cells_of(line);
    if (row.size() == cells) rows.push_back(std::move(row));
  }
  return rows;
}

bool accepted_by_tokens(const std::shared_ptr<const MaskCache>& masks, const Tokenizer& tokenizer,
                        const std::string& text) {
  Matcher matcher(masks);
  for (const std::int32_t id : test::encode(tokenizer, text)) {
    const bool in_mask = allowed_ids(matcher, masks->tokens()).contains(id);
    const bool accepted = matcher.accept(id);
    EXPECT_EQ(in_mask, accepted) << text << " at " << tokenizer.bytes_of(id);
    if (!accepted) return false;
  }
  const std::int32_t end = masks->tokens().end_tokens().front();
  EXPECT_EQ(allowed_ids(matcher, masks->tokens()).contains(end), matcher.is_complete()) << text;
  return matcher.accept(end);
}

TEST(GrammarConformance, SupportedKeywords) {
  const auto tokenizer = open_tokenizer("gpt2");
  const std::vector<std::int32_t> ends = {*tokenizer->end_of_text()};
  const auto tokens = std::make_shared<const TokenTable>(*tokenizer, ends);
  const auto rows = rows_of(4);
  EXPECT_GE(rows.size(), 60u);
  for (const auto& row : rows) {
    SCOPED_TRACE(row[1]);
    const Json schema = parsed(between_backticks(row[1]).at(0));
    const auto masks = masks_of(schema_grammar(schema), tokens);
    for (const std::string& text : between_backticks(row[2])) {
      EXPECT_TRUE(masks->grammar().allows(text)) << text;
      EXPECT_TRUE(accepted_by_tokens(masks, *tokenizer, text)) << text;
      EXPECT_TRUE(is_valid(schema, schema, parsed(text))) << text;
    }
    for (const std::string& text : between_backticks(row[3])) {
      EXPECT_FALSE(masks->grammar().allows(text)) << text;
      EXPECT_FALSE(accepted_by_tokens(masks, *tokenizer, text)) << text;
    }
  }
}

TEST(GrammarConformance, RefusedSchemas) {
  const auto rows = rows_of(3);
  EXPECT_GE(rows.size(), 25u);
  for (const auto& row : rows) {
    SCOPED_TRACE(row[1]);
    try {
      schema_of(between_backticks(row[1]).at(0));
      ADD_FAILURE() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
      EXPECT_NE(std::string(error.what()).find(between_backticks(row[2]).at(0)), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace stemma::grammar
