// Which beginnings of texts have their keys and values in pages already: a radix tree over token
// ids with a page to a node (Zheng et al. 2024, "SGLang", section 3). A request that begins like an
// earlier one, a common system prompt for example, reads those pages and computes the rest only.
//
//   PrefixTree tree(pool);
//   tree.insert(ids, pages);                           // after they were computed
//   const PrefixTree::Match match = tree.find(ids);    // pages of the longest common beginning
//
// What an adapter computes is of use to its own sequences only: each owner has a tree of its own,
// of which the oldest page goes first whoever it belongs to.
//
// The tree is a holder of its pages. What it holds alone can be evicted, the beginning first that
// was not asked for longest. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "infer/page_pool.h"

namespace stemma::infer {

class PrefixTree {
 public:
  // The pool must outlive this.
  explicit PrefixTree(PagePool& pool) : pool_(pool) {}
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  struct Match {
    std::vector<std::int32_t> pages;
    std::int64_t tokens = 0;  // how many of their tokens are common; the last page may have more
  };
  // Of whom the keys and values are: an adapter; null: the model itself. That an owner is gone
  // shows by its control block, so that another one at its address is another one.
  using Owner = std::shared_ptr<const void>;
  // The longest common beginning of `ids` with what was inserted for the owner. The pages stay
  // until evict(): share them first.
  Match find(std::span<const std::int32_t> ids, const Owner& owner = {});

  // From now on `pages` hold the keys and values of `ids`, and nobody changes these. Beginnings
  // that are there already keep their pages. The last page may be filled in part.
  void insert(std::span<const std::int32_t> ids, std::span<const std::int32_t> pages,
              const Owner& owner = {});

  // Gives back the page that was not asked for longest, of those that are the end of a beginning
  // and that nobody else holds. False where there is none.
  bool evict();

  std::int64_t pages() const { return pages_; }

 private:
  struct Node {
    Node* parent = nullptr;
    std::vector<std::int32_t> ids;  // those of its page
    std::int32_t page = -1;
    std::uint64_t last_use = 0;
    // By the first id; several may begin with the same.
    std::unordered_multimap<std::int32_t, std::unique_ptr<Node>> children;
  };
  struct Child {
    Node* node = nullptr;
    std::int64_t common = 0;  // ids
  };

  static Child closest(const Node& parent, std::span<const std::int32_t> ids);
  void touch(Node& node);
  void add(Node& parent, std::span<const std::int32_t> ids, std::int32_t page);
  void remove(Node& leaf);
  void release_all(const Node& node);

  void forget_owners();

  PagePool& pool_;
  // A weak pointer stays equal to itself when its owner is gone; null owners are all equal.
  std::map<std::weak_ptr<const void>, Node, std::owner_less<>> roots_;
  std::uint64_t clock_ = 0;
  std::int64_t pages_ = 0;
  std::set<std::pair<std::uint64_t, Node*>> leaves_;  // by their last use
};

}  // namespace stemma::infer
