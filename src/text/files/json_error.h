// Adds the name of the file to an error of the JSON parser, which knows only the text.
//
//   catch (const Error& error) { throw with_source(error, "vocab.json"); }
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace stemma::tokenizer_files {

inline Error with_source(const Error& error, const std::string& where) {
  const std::string_view text = error.what(), of_json = "[json] ";
  if (!text.starts_with(of_json) || text.find(where) != text.npos) return error;
  return Error(error.code(), "[" + where + "] " + std::string(text.substr(of_json.size())));
}

}  // namespace stemma::tokenizer_files
