#include "infer/prefix_tree.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::infer {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int64_t kKeys = 32;

ModelConfig one_head() {
  ModelConfig config;
  config.family = "gpt2";
  config.vocab = 9;
  config.context = 4096;
  config.channels = config.hidden = 4;
  config.heads = config.layers = 1;
  return config;
}

class PrefixTreeTest : public testing::Test {
 protected:
  // The pages of a sequence of `ids`, which the tree holds alone afterwards.
  std::vector<std::int32_t> insert(const Ids& ids) {
    std::vector<std::int32_t> pages;
    for (std::int64_t i = 0; i < pool_.pages_for(std::ssize(ids)); ++i)
      pages.push_back(pool_.take().value());
    tree_.insert(ids, pages);
    for (const std::int32_t page : pages) pool_.release(page);
    return pages;
  }
  static Ids run(std::int64_t count, std::int32_t id) {
    return Ids(static_cast<std::size_t>(count), id);
  }
  static Ids join(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  PagePool pool_{one_head(), ops::Numerics::f32(), 16, kKeys};
  PrefixTree tree_{pool_};
};

TEST_F(PrefixTreeTest, FindsTheLongestCommonBeginning) {
  const Ids system = run(80, 1);
  const auto pages = insert(join(system, run(30, 2)));  // four pages, the last with 14 tokens
  EXPECT_EQ(tree_.pages(), 4);
  EXPECT_EQ(pool_.free_pages(), 12);
  const PrefixTree::Match match = tree_.find(join(system, run(50, 3)));
  EXPECT_EQ(match.tokens, 80);
  EXPECT_EQ(match.pages, std::vector(pages.begin(), pages.begin() + 3));
  EXPECT_EQ(tree_.find(run(5, 1)).tokens, 5);
  EXPECT_EQ(tree_.find(run(5, 2)).tokens, 0);
  EXPECT_EQ(tree_.find({}).tokens, 0);
  EXPECT_EQ(tree_.find(join(join(system, run(30, 2)), run(9, 4))).tokens, 110);
}

TEST_F(PrefixTreeTest, BeginningsThatAreThereKeepTheirPages) {
  const auto first = insert(run(70, 1));
  insert(run(70, 1));
  insert(run(40, 1));
  EXPECT_EQ(tree_.pages(), 3);
  EXPECT_EQ(tree_.find(run(70, 1)).pages, first);
  // A page filled in part gives way to one that goes on from it, and this one to nothing shorter.
  const auto longer = insert(run(90, 1));
  EXPECT_EQ(tree_.pages(), 3);
  EXPECT_EQ(tree_.find(run(90, 1)).pages.back(), longer.back());
  EXPECT_EQ(tree_.find(run(90, 1)).tokens, 90);
  insert(run(66, 1));
  EXPECT_EQ(tree_.find(run(90, 1)).tokens, 90);
}

TEST_F(PrefixTreeTest, GivesUpWhatWasNotAskedForLongest) {
  insert(run(40, 1));
  insert(run(40, 2));
  tree_.find(run(40, 1));
  EXPECT_TRUE(tree_.evict());  // the end of the second
  EXPECT_EQ(tree_.find(run(40, 2)).tokens, 32);
  tree_.find(run(32, 1));
  EXPECT_EQ(tree_.find(run(40, 1)).tokens, 40);
  // What others hold stays.
  const auto pages = tree_.find(run(40, 1)).pages;
  for (const std::int32_t page : pages) pool_.share(page);
  while (tree_.evict()) {
  }
  EXPECT_EQ(tree_.pages(), 2);
  EXPECT_EQ(tree_.find(run(40, 2)).tokens, 0);
  for (const std::int32_t page : pages) pool_.release(page);
  while (tree_.evict()) {
  }
  EXPECT_EQ(tree_.pages(), 0);
  EXPECT_EQ(pool_.free_pages(), 16);
}

// Against a list of all that was inserted; without eviction the tree forgets nothing.
// What belongs to an adapter is found for it alone, and given up when nobody needs it any more.
TEST_F(PrefixTreeTest, OwnersDoNotShare) {
  const auto insert_for = [&](const PrefixTree::Owner& owner) {
    const std::int32_t page = pool_.take().value();
    tree_.insert(run(kKeys, 1), {&page, 1}, owner);
    pool_.release(page);
    return page;
  };
  auto first = std::make_shared<int>(), second = std::make_shared<int>();
  const std::int32_t page = insert_for(first), other = insert_for(second);
  EXPECT_EQ(tree_.find(run(kKeys, 1)).tokens, 0);
  EXPECT_EQ(tree_.find(run(kKeys, 1), first).pages, std::vector{page});
  EXPECT_EQ(tree_.find(run(kKeys, 1), second).pages, std::vector{other});
  first.reset();
  EXPECT_EQ(tree_.pages(), 2);
  EXPECT_TRUE(tree_.evict());
  EXPECT_EQ(tree_.find(run(kKeys, 1), second).tokens, kKeys);
  EXPECT_TRUE(tree_.evict());
  EXPECT_FALSE(tree_.evict());
  EXPECT_EQ(tree_.find(run(kKeys, 1), second).tokens, 0);
}

TEST_F(PrefixTreeTest, AgreesWithAListOfBeginnings) {
  PagePool pool(one_head(), ops::Numerics::f32(), 4000, kKeys);
  PrefixTree tree(pool);
  std::mt19937 random(7);
  std::vector<Ids> all;
  const auto random_ids = [&] {
    Ids ids(random() % 120 + 1);
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random() % 2);
    if (!all.empty() && random() % 2) {
      const Ids& other = all[random() % all.size()];
      const std::size_t common = std::min<std::size_t>(random() % (other.size() + 1), ids.size());
      std::copy_n(other.begin(), common, ids.begin());
    }
    return ids;
  };
  for (int i = 0; i < 400; ++i) {
    const Ids ids = random_ids();
    std::int64_t longest = 0;
    for (const Ids& other : all)
      longest = std::max<std::int64_t>(
          longest,
          std::mismatch(ids.begin(), ids.end(), other.begin(), other.end()).first - ids.begin());
    const PrefixTree::Match match = tree.find(ids);
    EXPECT_EQ(match.tokens, longest);
    EXPECT_EQ(std::ssize(match.pages), pool.pages_for(longest));
    std::vector<std::int32_t> pages;
    for (std::int64_t p = 0; p < pool.pages_for(std::ssize(ids)); ++p)
      pages.push_back(pool.take().value());
    tree.insert(ids, pages);
    for (const std::int32_t page : pages) pool.release(page);
    EXPECT_EQ(pool.free_pages() + tree.pages(), pool.pages());
    all.push_back(ids);
  }
}

}  // namespace
}  // namespace stemma::infer
