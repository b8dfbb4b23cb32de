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

// The row of args.k and args.v at which a head of a sequence begins.
inline std::int64_t cached_row(const AttentionSpec& spec, const AttentionForward& args,
                               const AttentionSequence& sequence, std::int64_t kv_head) {
  return sequence.key_begin * spec.key_value_heads() + kv_head * args.slot_keys;
}

// Writes the new keys and values of one head of a sequence to the cache.
void store_new_head(const AttentionSpec& spec, const AttentionForward& args,
                    const AttentionSequence& sequence, std::int64_t kv_head);

// The same for all heads of all sequences.
void store_new(Stream& stream, const AttentionSpec& spec, const AttentionForward& args);

}  // namespace stemma::kernels::attention
