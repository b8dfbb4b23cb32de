// EXPECT_ERROR(statement, ErrorCode::corrupt, "line 3"): throws an Error of that code whose message
// holds the text.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

#define EXPECT_ERROR(statement, expected_code, part)                                      \
  do {                                                                                    \
    bool thrown = false;                                                                  \
    try {                                                                                 \
      statement;                                                                          \
    } catch (const stemma::Error& error) {                                                \
      thrown = true;                                                                      \
      EXPECT_EQ(to_string(error.code()), to_string(expected_code)) << error.what();       \
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what(); \
    }                                                                                     \
    EXPECT_TRUE(thrown) << #statement << " did not throw";                                \
  } while (false)
