// Any bytes as labelled rows of a .csv file: an Error or rows.
#include "data/labelled/rows.h"
#include "labelled_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_labelled_rows(data, size, ".csv");
  return 0;
}
