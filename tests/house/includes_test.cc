// A room includes itself, the rooms that the line stemma_room(... ROOMS ...) of its CMakeLists.txt
// names, and what those may include; headers bring in no vendored library and no build switch.
#include <map>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

using Rooms = std::map<std::string, std::set<std::string>>;

Rooms declared_rooms() {
  Rooms rooms;
  const std::regex declaration(R"(stemma_room\((\w+)([^)]*)\))");
  for (const SourceFile& file : files_under("src")) {
    if (!file.path.ends_with("CMakeLists.txt")) continue;
    for (std::sregex_iterator it(file.text.begin(), file.text.end(), declaration), end; it != end;
         ++it) {
      std::set<std::string>& below = rooms[(*it)[1]];
      std::istringstream words((*it)[2]);
      std::string word, list;
      while (words >> word) {
        if (word == "ROOMS" || word == "LIBRARIES")
          list = word;
        else if (list == "ROOMS")
          below.insert(word);
      }
    }
  }
  return rooms;
}

// Adds what the rooms below may include, until nothing changes.
Rooms transitive(Rooms rooms) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [room, below] : rooms)
      for (const std::string& other : std::set<std::string>(below))
        for (const std::string& more : rooms[other]) changed |= below.insert(more).second;
  }
  return rooms;
}

std::string room_of(const std::string& path) {  // "src/base/json.cc" -> "base"
  return path.substr(4, path.find('/', 4) - 4);
}

struct Include {
  int line;
  std::string name;
  bool quoted;
};

std::vector<Include> includes_of(const SourceFile& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::vector<Include> result;
  int number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    std::smatch match;
    if (std::regex_match(line, match, pattern))
      result.push_back({number, match[2], match[1] == "\""});
  }
  return result;
}

TEST(Includes, TheRoomsAreDeclaredAndHaveNoCircle) {
  const Rooms rooms = declared_rooms();
  EXPECT_GE(rooms.size(), 12u);
  for (const auto& [room, below] : rooms)
    for (const std::string& other : below) {
      EXPECT_TRUE(rooms.contains(other)) << room << " names the unknown room " << other;
      EXPECT_NE(other, "cli") << room;
    }
  for (const auto& [room, below] : transitive(rooms))
    EXPECT_FALSE(below.contains(room)) << room << " may include itself through others";
  EXPECT_TRUE(rooms.at("base").empty());
}

TEST(Includes, GoDownwardsOnly) {
  const Rooms rooms = transitive(declared_rooms());
  for (const SourceFile& file : files_under("src")) {
    if (!is_code(file.path)) continue;
    const std::string room = room_of(file.path);
    for (const Include& include : includes_of(file)) {
      if (!include.quoted) continue;
      const std::string place = file.path + ":" + std::to_string(include.line) + ": ";
      const std::string other = include.name.substr(0, include.name.find('/'));
      EXPECT_TRUE(std::filesystem::exists(repository() / "src" / include.name))
          << place << include.name << " must be named from src/, as in \"base/json.h\"";
      if (other == room) continue;
      EXPECT_NE(other, "cli") << place << "nobody includes cli";
      if (room == "cli") continue;
      EXPECT_TRUE(rooms.contains(room) && rooms.at(room).contains(other))
          << place << room << " may not include " << other;
    }
  }
}

TEST(Includes, HeadersShowNoVendoredLibrary) {
  const std::regex vendored(R"(^(fmt|nlohmann|toml\+\+|spdlog|hwy|unicode|CLI|oneapi|gtest)/.*)"
                            R"(|^(toml|zstd|zdict|zlib|xxhash|xxh3|dnnl)[^/]*$)");
  for (const SourceFile& file : files_under("src")) {
    if (!is_header(file.path)) continue;
    for (const Include& include : includes_of(file))
      EXPECT_FALSE(std::regex_match(include.name, vendored))
          << file.path << ":" << include.line << ": " << include.name << " belongs into a .cc file";
  }
}

TEST(Includes, HeadersHaveNoBuildSwitchAndOneGuard) {
  const std::regex condition(R"(^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b.*)");
  for (const SourceFile& file : files_under("src")) {
    if (!is_header(file.path)) continue;
    EXPECT_NE(file.text.find("#pragma once\n"), std::string::npos) << file.path;
    int number = 0;
    for (const std::string& line : lines_of(file.code)) {
      ++number;
      EXPECT_FALSE(std::regex_match(line, condition)) << file.path << ":" << number << ": " << line;
    }
  }
}

}  // namespace
}  // namespace house
