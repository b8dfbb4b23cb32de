// Numbers below the smallest normal are taken as 0 and written as 0 while a kernel runs: they cost
// a hundred cycles each, and paths and threads must agree. Every kernel of cpu/ holds one in each
// task.
#pragma once

#include <xmmintrin.h>

namespace stemma::kernels::cpu {

// Sets flush-to-zero and denormals-are-zero of the calling thread; restores both.
class FlushDenormals {
 public:
  FlushDenormals() : previous_(_mm_getcsr()) { _mm_setcsr(previous_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(previous_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned previous_;
};

}  // namespace stemma::kernels::cpu
