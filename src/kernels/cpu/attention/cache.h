// Where the heads of a sequence lie in a cache of keys and values (kernels/attention.h), and how
// new tokens get there. Private to kernels/cpu.
#pragma once

#include <cstdint>

#include "kernels/attention.h"

namespace stemma::kernels::attention {

// Whether a cache holds keys in panels; otherwise in rows, as values.
inline bool caches_panels(const AttentionSpec& spec) {
  return spec.pattern.kind == AttentionPattern::Kind::dense ||
         spec.pattern.kind == AttentionPattern::Kind::local;
}

// The row of args.k and args.v at which a head begins in the page of a sequence's key.
inline std::int64_t page_row(const AttentionSpec& spec, const AttentionForward& args,
                             const AttentionSequence& sequence, std::int64_t kv_head,
                             std::int64_t key) {
  const std::int64_t page = sequence.pages[static_cast<std::size_t>(key / args.page_keys)];
  return (page * spec.key_value_heads() + kv_head) * args.page_keys;
}

// Writes the new keys and values of one head of a sequence to the cache.
void store_new_head(const AttentionSpec& spec, const AttentionForward& args,
                    const AttentionSequence& sequence, std::int64_t kv_head);

// The same for all heads of all sequences.
void store_new(Stream& stream, const AttentionSpec& spec, const AttentionForward& args);

}  // namespace stemma::kernels::attention
