// SharedPasses: who is served when, and what happens to the others where one fails or leaves.

#include "serve/shared_passes.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace stemma::serve {
namespace {

using Passes = SharedPasses<std::string, std::size_t>;

struct Client {
  std::atomic<int> gone{0};
  bool ended = false;
  std::vector<std::size_t> answers;
  std::exception_ptr error;

  Passes::Job asks(std::vector<std::string> items) {
    return {.items = std::move(items),
            .gone = Interrupt(gone),
            .done = [this](std::vector<std::size_t> given, std::exception_ptr thrown) {
              ended = true;
              answers = std::move(given);
              error = std::move(thrown);
            }};
  }
};

constexpr auto kCost = [](const std::string& item) { return std::ssize(item); };

// Lengths; a text with '!' cannot be read.
std::vector<std::size_t> lengths(std::span<const std::string> items) {
  std::vector<std::size_t> out;
  for (const std::string& item : items) {
    if (item.find('!') != std::string::npos) throw std::runtime_error("cannot read " + item);
    out.push_back(item.size());
  }
  return out;
}

TEST(SharedPasses, AShortRequestDoesNotWaitForALongOne) {
  Passes passes;
  Client long_one, short_one;
  passes.add(long_one.asks({"aaaa", "bbb", "cccc", "dddd", "eeee"}));
  passes.add(short_one.asks({"ff"}));
  passes.pass(8, kCost, lengths);  // aaaa, ff, bbb
  EXPECT_TRUE(short_one.ended);
  EXPECT_EQ(short_one.answers, (std::vector<std::size_t>{2}));
  EXPECT_FALSE(long_one.ended);
  int passes_left = 0;
  for (; !passes.empty(); ++passes_left) passes.pass(8, kCost, lengths);
  EXPECT_EQ(passes_left, 2);
  EXPECT_EQ(long_one.answers, (std::vector<std::size_t>{4, 3, 4, 4, 4}));
}

TEST(SharedPasses, TurnsGoOnFromPassToPass) {
  Passes passes;
  Client a, b, c;
  passes.add(a.asks({"a1", "a2"}));
  passes.add(b.asks({"b1", "b2"}));
  passes.add(c.asks({"c1"}));
  std::string order;
  const auto noted = [&](std::span<const std::string> items) {
    for (const std::string& item : items) order += item + ' ';
    return lengths(items);
  };
  while (!passes.empty()) passes.pass(1, kCost, noted);  // one item each
  EXPECT_EQ(order, "a1 b1 c1 a2 b2 ");
}

TEST(SharedPasses, WhatOneHasWrongIsItsOwnFailure) {
  Passes passes;
  Client good, bad;
  passes.add(good.asks({"one", "three"}));
  passes.add(bad.asks({"two", "wrong!"}));
  while (!passes.empty()) passes.pass(100, kCost, lengths);
  EXPECT_EQ(good.answers, (std::vector<std::size_t>{3, 5}));
  EXPECT_FALSE(good.error);
  EXPECT_TRUE(bad.answers.empty());
  ASSERT_TRUE(bad.error);
  EXPECT_THROW(std::rethrow_exception(bad.error), std::runtime_error);
}

TEST(SharedPasses, WhoLeftIsNotWorkedFor) {
  Passes passes;
  Client stays, leaves;
  passes.add(leaves.asks({"never", "read!"}));
  passes.add(stays.asks({"read"}));
  leaves.gone = 1;
  passes.pass(100, kCost, lengths);
  EXPECT_TRUE(passes.empty());
  EXPECT_TRUE(leaves.ended);
  EXPECT_FALSE(leaves.error);
  EXPECT_TRUE(leaves.answers.empty());
  EXPECT_EQ(stays.answers, (std::vector<std::size_t>{4}));
}

TEST(SharedPasses, AtTheEndAllFail) {
  Passes passes;
  Client a, b;
  passes.add(a.asks({"one", "two"}));
  passes.add(b.asks({"three"}));
  passes.pass(1, kCost, lengths);
  passes.fail_all(std::make_exception_ptr(std::runtime_error("shutting down")));
  EXPECT_TRUE(a.error && b.error);
  EXPECT_TRUE(a.answers.empty());
  EXPECT_TRUE(passes.empty());
}

}  // namespace
}  // namespace stemma::serve
