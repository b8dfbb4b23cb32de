#include "models/family.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace stemma {

// Defined in the file of the same name.
extern const Family kGpt1, kGpt2, kGpt3, kLlama, kBert;

std::span<const Family* const> families() {
  static constexpr std::array<const Family*, 5> kAll{&kGpt1, &kGpt2, &kGpt3, &kLlama, &kBert};
  return kAll;
}

std::vector<std::string_view> family_names() {
  std::vector<std::string_view> names;
  for (const Family* family : families()) names.push_back(family->name);
  return names;
}

const Family& family_named(std::string_view name) {
  for (const Family* family : families())
    if (family->name == name) return *family;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[config] family must be one of {}, got '{}'",
                          fmt::join(family_names(), ", "), name));
}

std::string_view default_family_name() { return kGpt2.name; }

std::string_view default_model_name() { return kGpt2.published().front().names.front(); }

ModelConfig published_config(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Family* family : families())
    for (const PublishedSize& size : family->published())
      for (const std::string_view candidate : size.names) {
        if (name == candidate) return size.config;
        known.push_back(candidate);
      }
  throw Error(ErrorCode::not_found,
              fmt::format("[config] no published model is called '{}': use one of {}", name,
                          fmt::join(known, ", ")));
}

bool is_published(std::string_view name) {
  for (const Family* family : families())
    for (const PublishedSize& size : family->published())
      if (std::find(size.names.begin(), size.names.end(), name) != size.names.end()) return true;
  return false;
}

std::string published_model_names() {
  std::vector<std::string_view> names;
  for (const Family* family : families())
    for (const PublishedSize& size : family->published()) names.push_back(size.names.front());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace stemma
