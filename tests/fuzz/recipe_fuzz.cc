// Any bytes as a recipe: an Error, or values that are written as a recipe and read again as they
// are.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/options.h"
#include "train/recipe.h"

namespace {

void read(stemma::train::Recipe& recipe, std::string_view text, std::string_view where) {
  stemma::OptionSet options("train");
  stemma::train::declare(recipe, options);
  options.read_toml_text(text, where);
}

// The values as defaults of a fresh set, so that the text does not say where they came from.
std::string written(stemma::train::Recipe recipe) {
  stemma::OptionSet options("train");
  stemma::train::declare(recipe, options);
  return options.to_toml();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  train::Recipe recipe, again;
  try {
    read(recipe, {reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::invalid_argument)
      __builtin_trap();
    return 0;
  }
  const std::string text = written(recipe);
  read(again, text, "written");
  if (written(again) != text) __builtin_trap();
  return 0;
}
