// Switches the processor to taking and writing numbers below the smallest normal one as 0 for as
// long as the object lives. Such numbers cost about a hundred cycles each, and all threads and
// kernel paths must treat them alike. Every kernel of cpu/ holds one of these in each task.
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
