// Memory for keys and values in pages of equal size, which sequences take as they grow (Kwon et al.
// 2023, "PagedAttention"). Several holders may share a page; a reference count says when it is
// free.
//
//   PagePool pool(config, numerics, 64, 256);          // 64 pages of 256 tokens each
//   if (const auto page = pool.take()) {
//     pool.share(*page);                               // a second holder
//     pool.release(*page), pool.release(*page);        // free again
//   }
//
// The layout of a page is that of kernels/attention.h. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "device/stream.h"
#include "models/config.h"
#include "ops/attention.h"
#include "ops/context.h"

namespace stemma::infer {

class PagePool {
 public:
  // Pages for all layers of the model, in the type numerics.cache. Throws out_of_memory.
  PagePool(const ModelConfig& config, const ops::Numerics& numerics, std::int64_t pages,
           std::int64_t page_keys);

  std::int64_t pages() const { return static_cast<std::int64_t>(holders_.size()); }
  std::int64_t free_pages() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t page_keys() const { return page_keys_; }
  // Pages that hold `tokens` tokens.
  std::int64_t pages_for(std::int64_t tokens) const {
    return (tokens + page_keys_ - 1) / page_keys_;
  }
  std::uint64_t bytes() const;
  // Of one token in all layers.
  static std::uint64_t token_bytes(const ModelConfig& config, const ops::Numerics& numerics);

  // A free page, with one holder; nothing where there is none.
  std::optional<std::int32_t> take();
  // One holder more, one less; the page of none is free.
  void share(std::int32_t page);
  void release(std::int32_t page);
  std::int32_t holders(std::int32_t page) const { return holders_[static_cast<std::size_t>(page)]; }

  // Copies the first `keys` tokens of a page to another one, in all layers.
  void copy(Stream& stream, std::int32_t from, std::int32_t to, std::int64_t keys) const;

  const ops::AttentionCache& layer(std::int64_t i) const {
    return layers_[static_cast<std::size_t>(i)];
  }

 private:
  std::int64_t page_keys_, heads_;
  std::vector<ops::AttentionCache> layers_;
  std::vector<std::int32_t> holders_;  // of each page
  std::vector<std::int32_t> free_;     // the one that was released last comes first
};

}  // namespace stemma::infer
