// The published vocabularies as compressed tables inside the binary (text/tables/README.md).
//
//   std::string merges = embedded_table(EmbeddedTable::gpt2_merges);
//
// Any thread. Private to text/.
#pragma once

#include <cstdint>
#include <string>

namespace stemma::tokenizer_files {

enum class EmbeddedTable : std::uint8_t { gpt1_merges, gpt2_merges, cl100k_tokens, o200k_tokens };

// Unpacked. Throws internal when the binary is damaged.
std::string embedded_table(EmbeddedTable table);

// For those who read a table and find that it is not what it must be. Throws internal.
[[noreturn]] void fail_damaged_table();

}  // namespace stemma::tokenizer_files
