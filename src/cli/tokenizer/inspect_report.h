// What `tokenizer inspect` says of a text, for programs and for people; tokenizer_inspect.cc has
// the command.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/report/token_html.h"

namespace stemma::cli {

// Of the text, and for each tokenizer; at least one.
Json inspection_json(const std::vector<report::InspectedText>& texts);

// A paragraph; nothing in it acts on a terminal.
std::string statistics_for_people(const report::InspectedText& one);

}  // namespace stemma::cli
