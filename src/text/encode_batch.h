// Encodes many texts, or one long text, on several threads. The ids are those of
// Tokenizer::encode(), whatever the number of threads.
//
//   Workers workers(available_threads());
//   std::vector<std::vector<std::int32_t>> ids = encode_batch(*tokenizer, texts, workers);
//   encode_parallel(*tokenizer, book, workers, ids_of_book);
//
// Only one call at a time may use the same workers (base/threads.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "text/tokenizer.h"

namespace stemma {

// The ids of each text, in their order. A text is the work of one thread.
std::vector<std::vector<std::int32_t>> encode_batch(const Tokenizer& tokenizer,
                                                    std::span<const std::string_view> texts,
                                                    Workers& workers);

// Appends the ids of one text, which is cut at boundaries (Tokenizer::last_boundary()) into parts
// of about the same size, a few for each thread. Without boundaries it is the work of one thread.
void encode_parallel(const Tokenizer& tokenizer, std::string_view text, Workers& workers,
                     std::vector<std::int32_t>& ids);

}  // namespace stemma
