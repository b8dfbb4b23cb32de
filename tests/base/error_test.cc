#include "base/error.h"

#include <set>

#include <gtest/gtest.h>

namespace stemma {
namespace {

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
    names.insert(to_string(static_cast<ErrorCode>(code)));
  EXPECT_EQ(names.size(), 8u);
  EXPECT_EQ(to_string(ErrorCode::out_of_memory), "out_of_memory");
}

TEST(Error, CarriesCodeAndMessage) {
  const Error error(ErrorCode::corrupt, "[x] y");
  EXPECT_EQ(error.code(), ErrorCode::corrupt);
  EXPECT_STREQ(error.what(), "[x] y");
}

}  // namespace
}  // namespace stemma
