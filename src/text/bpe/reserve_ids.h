// Reserves memory for the ids of a text before it is encoded, so that the vector rarely grows and
// copies. Private to text/.
//
//   reserve_ids(text, ids);       // room for text.size() / 4 + 1 more ids
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace stemma::bpe {

// English has about four bytes in a token, other text fewer or more. Where there is too little
// memory it is at least doubled, or texts that follow each other would each move all ids.
inline void reserve_ids(std::string_view text, std::vector<std::int32_t>& ids) {
  const std::size_t usual = text.size() / 4 + 1;
  if (ids.capacity() - ids.size() < usual)
    ids.reserve(std::max(2 * ids.capacity(), ids.size() + usual));
}

}  // namespace stemma::bpe
