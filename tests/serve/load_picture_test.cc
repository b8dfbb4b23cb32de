// The picture of a load test.
#include <gtest/gtest.h>

#include "serve/load/picture.h"

namespace stemma::serve {
namespace {

TEST(LoadPicture, ShowsEachTimeOnItsAxis) {
  LoadResult result;
  result.requests = 100;
  result.output_tokens = 1000;
  result.seconds = 10;
  std::vector<double> seconds;
  for (int i = 1; i <= 100; ++i) seconds.push_back(0.01 * i);
  result.first_token = Times(seconds);
  result.whole = Times({3.0});
  const std::string svg = load_svg(result);
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("100.0 output tokens/s"), std::string::npos);
  EXPECT_NE(svg.find("first token: median 0.505 s"), std::string::npos) << svg;
  for (const char* mark : {">10 ms<", ">100 ms<", ">1 s<", ">10 s<"})
    EXPECT_NE(svg.find(mark), std::string::npos) << mark;
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(LoadPicture, OfNothingHasAxes) {
  const std::string svg = load_svg({});
  EXPECT_NE(svg.find("100 %"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace stemma::serve
