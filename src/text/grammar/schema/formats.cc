#include "text/grammar/schema/formats.h"

#include <map>

#include <fmt/format.h>

namespace stemma::grammar {
namespace {

// RFC 3339, with the days of each month; no year 0000, which few calendars have.
std::string date_pattern() {
  const std::string year = "(?:[1-9]\\d{3}|0[1-9]\\d\\d|00[1-9]\\d|000[1-9])";
  const std::string fours = "(?:0[48]|[2468][048]|[13579][26])";
  const std::string leap = "(?:\\d\\d" + fours + "|" + fours + "00)";
  return "(?:" + year +
         "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|"
         "02-(?:0[1-9]|1\\d|2[0-8]))|" +
         leap + "-02-29)";
}

// Seconds up to 59: a leap second is valid at few moments only.
std::string time_pattern() {
  const std::string hour = "(?:[01]\\d|2[0-3])", sixty = "[0-5]\\d";
  return hour + ":" + sixty + ":" + sixty + "(?:\\.\\d{1,9})?(?:Z|[+-]" + hour + ":" + sixty + ")";
}

std::string ipv4_pattern() {
  const std::string byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  return "(?:" + byte + "\\.){3}" + byte;
}

// RFC 4291, 2.2: all eight groups, or fewer with one ::, without an IPv4 address at the end.
std::string ipv6_pattern() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  std::string pattern = "(?:" + group + ":){7}" + group;
  for (int before = 0; before <= 7; ++before) {
    const int behind = 7 - before;  // at most
    pattern += "|";
    if (before > 0) pattern += fmt::format("{0}(?::{0}){{{1}}}", group, before - 1);
    pattern += "::";
    if (behind > 0) pattern += fmt::format("(?:{0}(?::{0}){{0,{1}}})?", group, behind - 1);
  }
  return "(?:" + pattern + ")";
}

// RFC 3339, appendix A.
std::string duration_pattern() {
  const std::string time =
      "T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)";
  const std::string date =
      "(?:\\d{1,9}D|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}Y(?:\\d{1,9}M(?:\\d{1,9}D)?)?)";
  return "P(?:" + date + "(?:" + time + ")?|" + time + "|\\d{1,9}W)";
}

const std::map<std::string, std::string, std::less<>>& patterns() {
  static const std::map<std::string, std::string, std::less<>> kPatterns = [] {
    const std::string label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?";
    const std::string host = label + "(?:\\." + label + "){0,7}";
    // RFC 5321, 4.5.3.1.1: at most 64 characters before the @, here three parts of 20.
    const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
    std::map<std::string, std::string, std::less<>> map;
    map["date"] = date_pattern();
    map["time"] = time_pattern();
    map["date-time"] = date_pattern() + "T" + time_pattern();
    map["duration"] = duration_pattern();
    map["uuid"] = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
    map["ipv4"] = ipv4_pattern();
    map["ipv6"] = ipv6_pattern();
    map["hostname"] = host;
    map["email"] = atom + "(?:\\." + atom + "){0,2}@" + host;
    return map;
  }();
  return kPatterns;
}

}  // namespace

const std::string* format_pattern(std::string_view name) {
  const auto at = patterns().find(name);
  return at == patterns().end() ? nullptr : &at->second;
}

std::string format_names() {
  std::string names;
  for (const auto& [name, pattern] : patterns()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace stemma::grammar
