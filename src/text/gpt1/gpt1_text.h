// Prepares a text for GPT-1's encoding (Hugging Face transformers 4.57, models/openai,
// text_standardize): it unifies dashes and ellipses, puts spaces around runs of punctuation, and
// collapses white space to single spaces and lines.
//
//   standardise_gpt1("(so—what…)\r\n\n  ok");     // "( so - what... ) \n ok"
//
// Pure function: any thread, no errors.
#pragma once

#include <string>
#include <string_view>

namespace stemma::gpt1 {

// text: UTF-8; an invalid byte stays.
std::string standardise_gpt1(std::string_view text);

}  // namespace stemma::gpt1
