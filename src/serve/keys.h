// The keys that clients show ("Authorization: Bearer KEY"), read from a file with one in each line.
//
//   const Keys keys = Keys::of_file("keys.txt");
//   if (!keys.allow(request.header("authorization"))) ...        // 401
//
// Immutable; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::serve {

class Keys {
 public:
  // No keys: everybody may ask.
  Keys() = default;
  // Blank lines and lines that begin with # do not count. Throws not_found; corrupt for a file
  // without a key or with one that is shorter than 8 characters or has blanks.
  static Keys of_file(const std::filesystem::path& file);

  bool empty() const { return keys_.empty(); }
  // In a time that does not depend on how much of a key is right.
  bool allow(std::string_view authorization) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace stemma::serve
