// Shows the tokens of a text in a terminal: each token on a background colour, or separated by "│"
// where colours are not wanted. The bytes of the text cannot act on the terminal (visible_text.h).
//
//   tokens_for_terminal(*gpt2, ids, {});                // Hello│·world
//   tokens_for_terminal(*gpt2, ids, {.ids = true});     // Hello(15496)│·world(995)
//
// Pure function: any thread. Throws as Tokenizer::bytes_of().
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "text/tokenizer.h"

namespace stemma::report {

struct TerminalStyle {
  bool colour = false;  // escape sequences of 256-colour terminals
  bool ids = false;
};

// Ends with a line end, unless there are no ids.
std::string tokens_for_terminal(const Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                                const TerminalStyle& style);

}  // namespace stemma::report
