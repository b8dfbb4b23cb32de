// The keys that clients show ("Authorization: Bearer KEY"), read from a file with one in each line,
// and behind it, if there is a limit of its own, how many requests a minute it may ask.
//
//   const Keys keys = Keys::of_file("keys.txt");
//   const std::optional<std::size_t> key = keys.find(request.header("authorization"));
//   if (!keys.empty() && !key) ...                               // 401
//
// Immutable; any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::serve {

class Keys {
 public:
  // No keys: everybody may ask.
  Keys() = default;
  // Blank lines and lines that begin with # do not count. Throws not_found; corrupt for a file
  // without a key, or with a line that is no key of at least 8 characters, with a number or not.
  static Keys of_file(const std::filesystem::path& file);

  bool empty() const { return keys_.empty(); }
  // The number of the key in the file, from 0; nothing where none fits. In a time that does not
  // depend on how much of a key is right.
  std::optional<std::size_t> find(std::string_view authorization) const;
  // Requests a minute of a key; nothing where its line has no number.
  std::optional<double> per_minute(std::size_t key) const { return keys_[key].per_minute; }

 private:
  struct Key {
    std::string text;
    std::optional<double> per_minute;
  };
  std::vector<Key> keys_;
};

}  // namespace stemma::serve
