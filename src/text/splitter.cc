#include "text/splitter.h"

namespace stemma {

const Splitter* splitter_of_pattern(std::string_view pattern) {
  for (const NumberCut cut : {NumberCut::published, NumberCut::single, NumberCut::triple})
    for (const Splitter* splitter :
         {&gpt2_splitter(cut), &cl100k_splitter(cut), &o200k_splitter(cut)})
      if (splitter->pattern() == pattern) return splitter;
  return nullptr;
}

}  // namespace stemma
