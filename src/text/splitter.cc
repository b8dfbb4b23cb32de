#include "text/splitter.h"

namespace stemma {

const Splitter* splitter_of_pattern(std::string_view pattern) {
  for (const Splitter* splitter : {&gpt2_splitter(), &cl100k_splitter(), &o200k_splitter()})
    if (splitter->pattern() == pattern) return splitter;
  return nullptr;
}

}  // namespace stemma
