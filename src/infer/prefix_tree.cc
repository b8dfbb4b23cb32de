#include "infer/prefix_tree.h"

#include <algorithm>

namespace stemma::infer {

PrefixTree::~PrefixTree() {
  for (const auto& [owner, root] : roots_) release_all(root);
}

void PrefixTree::release_all(const Node& node) {
  for (const auto& [id, child] : node.children) {
    pool_.release(child->page);
    release_all(*child);
  }
}

// The child that has most ids in common with the beginning of `ids`.
PrefixTree::Child PrefixTree::closest(const Node& parent, std::span<const std::int32_t> ids) {
  Child best;
  if (ids.empty()) return best;
  const auto [begin, end] = parent.children.equal_range(ids.front());
  for (auto it = begin; it != end; ++it) {
    const std::vector<std::int32_t>& own = it->second->ids;
    const auto differ = std::mismatch(own.begin(), own.end(), ids.begin(), ids.end()).first;
    if (differ - own.begin() > best.common) best = {it->second.get(), differ - own.begin()};
  }
  return best;
}

PrefixTree::Match PrefixTree::find(std::span<const std::int32_t> ids, const Owner& owner) {
  Match match;
  ++clock_;
  const auto root = roots_.find(owner);
  if (root == roots_.end()) return match;
  for (const Node* at = &root->second;;) {
    const Child child = closest(*at, ids.subspan(static_cast<std::size_t>(match.tokens)));
    if (!child.node) return match;
    touch(*child.node);
    match.pages.push_back(child.node->page);
    match.tokens += child.common;
    if (child.common < pool_.page_keys()) return match;
    at = child.node;
  }
}

void PrefixTree::insert(std::span<const std::int32_t> ids, std::span<const std::int32_t> pages,
                        const Owner& owner) {
  ++clock_;
  Node* at = &roots_[owner];
  for (const std::int32_t page : pages) {
    if (ids.empty()) return;
    const auto count = std::min(ids.size(), static_cast<std::size_t>(pool_.page_keys()));
    const auto own = ids.first(count);
    ids = ids.subspan(count);
    Child child = closest(*at, own);
    const auto common = static_cast<std::size_t>(child.common);
    // A page filled in part gives way to one that goes on from its tokens.
    if (child.node && common == child.node->ids.size() && common < count) {
      remove(*child.node);
      child = {};
    }
    if (child.node && common == count) {
      touch(*child.node);
      if (child.node->ids.size() > count) return;
      at = child.node;
      continue;
    }
    add(*at, own, page);
    at = closest(*at, own).node;
  }
}

void PrefixTree::touch(Node& node) {
  if (node.children.empty()) {
    leaves_.erase({node.last_use, &node});
    leaves_.insert({clock_, &node});
  }
  node.last_use = clock_;
}

void PrefixTree::add(Node& parent, std::span<const std::int32_t> ids, std::int32_t page) {
  pool_.share(page);
  ++pages_;
  leaves_.erase({parent.last_use, &parent});
  auto node = std::make_unique<Node>();
  node->parent = &parent;
  node->ids.assign(ids.begin(), ids.end());
  node->page = page;
  node->last_use = clock_;
  leaves_.insert({clock_, node.get()});
  parent.children.emplace(ids.front(), std::move(node));
}

void PrefixTree::remove(Node& leaf) {
  pool_.release(leaf.page);
  --pages_;
  leaves_.erase({leaf.last_use, &leaf});
  Node& parent = *leaf.parent;
  const auto [begin, end] = parent.children.equal_range(leaf.ids.front());
  for (auto it = begin; it != end; ++it)
    if (it->second.get() == &leaf) {
      parent.children.erase(it);
      break;
    }
  if (parent.children.empty() && parent.parent) leaves_.insert({parent.last_use, &parent});
}

// Those that are gone and have no page any more.
void PrefixTree::forget_owners() {
  std::erase_if(roots_,
                [](const auto& r) { return r.first.expired() && r.second.children.empty(); });
}

bool PrefixTree::evict() {
  for (const auto& [use, leaf] : leaves_)
    if (pool_.holders(leaf->page) == 1) {
      remove(*leaf);
      forget_owners();
      return true;
    }
  return false;
}

}  // namespace stemma::infer
