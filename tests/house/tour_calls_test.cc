#include "tests/house/tour_calls.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/house/functions.h"
#include "tests/house/source_text.h"

namespace house {
namespace {

// A numbered item with its continued lines, as one line.
struct TourItem {
  int number = 0;
  std::string text;
};

std::vector<TourItem> tour_items(const std::string& page) {
  static const std::regex first_line(R"(^(\d+)\. (.*)$)");
  std::vector<TourItem> items;
  bool inside = false, code = false;
  for (const std::string& line : lines_of(page)) {
    std::smatch match;
    if (line.starts_with("```")) code = !code;
    if (!code && std::regex_match(line, match, first_line)) {
      items.push_back({std::stoi(match[1]), match[2]});
      inside = true;
    } else if (inside && line.starts_with("   ")) {
      items.back().text += line.substr(2);
    } else {
      inside = false;
    }
  }
  return items;
}

}  // namespace

std::vector<TourList> tour_lists(const std::string& page) {
  static const std::regex bold(R"(\*\*`((\w+::)*)(~?\w+)\(\)`\*\*)"
                               R"(( in `([^`]+)`)?)"
                               R"((,? called as `(\w+)[^`]*`)?)"
                               R"((,? through `(\w+::)*(\w+)`)?)");
  std::vector<TourList> lists;
  for (const TourItem& item : tour_items(page)) {
    if (item.number == 1) lists.emplace_back();
    if (lists.empty()) continue;
    std::string file;
    for (std::sregex_iterator it(item.text.begin(), item.text.end(), bold), end; it != end; ++it) {
      const std::smatch& m = *it;
      if (m[5].matched) file = m[5];
      std::string scope = m[1];
      if (!scope.empty()) scope.resize(scope.size() - 2);
      scope = scope.substr(scope.rfind(':') + 1);
      lists.back().push_back({item.number, scope, m[3], file, m[7], m[10]});
    }
  }
  std::erase_if(lists, [](const TourList& list) { return list.empty(); });
  return lists;
}

namespace {

bool has_pattern(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

// The lines [first, last] of a class's definition, for functions that are defined in it.
bool in_class(const std::string& code, const std::string& scope, int line) {
  const std::regex head("\\b(class|struct)\\s+" + scope + "\\b[^;{(]*\\{");
  std::smatch match;
  if (!std::regex_search(code, match, head)) return false;
  auto at = match[0].second;
  int now = 1 + static_cast<int>(std::count(code.begin(), at, '\n'));
  if (line < now) return false;
  for (int depth = 1; at != code.end() && depth > 0; ++at) {
    if (*at == '\n') ++now;
    if (*at == '{') ++depth;
    if (*at == '}') --depth;
  }
  return line <= now;
}

// The text of the function, from its head to its last line; nothing where the file has none.
std::optional<std::string> body_of(const TourFunction& f, const std::string& code) {
  const std::vector<std::string> lines = lines_of(code);
  for (const Function& found : find_functions(code)) {
    if (found.name != (f.name == "operator" ? "operator_call" : f.name)) continue;
    std::string text;
    for (int i = 0; i < found.lines; ++i)
      text += lines[static_cast<std::size_t>(found.first_line - 1 + i)] + "\n";
    const std::string head = text.substr(0, text.find('{'));
    if (f.scope.empty() || has_pattern(head, "\\b" + f.scope + "::(~?\\w+)\\s*\\(") ||
        in_class(code, f.scope, found.first_line) ||
        has_pattern(code, "namespace\\s+(\\w+::)*" + f.scope + "\\s*\\{"))
      return text;
  }
  return std::nullopt;
}

std::string header_beside(const std::string& file) {
  return file.ends_with(".cc") ? file.substr(0, file.size() - 2) + "h" : file;
}

// `object(...)` in the body of f denotes a call of g.
bool denotes(const std::string& object, const TourFunction& f, const std::string& body,
             const TourFunction& g, const CodeOf& code_of) {
  // const auto block = ... g ...;
  const std::string made_of = g.name == "operator" ? g.scope : g.name;
  if (has_pattern(body, "\\b" + object + "\\b[^;=]*=[^;]*\\b" + made_of + "\\b")) return true;
  // G object;  const G<X>& object  (also among other names:  G one, object;)
  const std::string rest = R"((<[^;{}()]*>)?[\s&*]+(\w+\s*,\s*)*)" + object + R"(\s*[;,:)={])";
  const std::string around = code_of(f.file) + code_of(header_beside(f.file));
  if (g.scope.empty()) return false;
  if (has_pattern(around, "\\b" + g.scope + rest)) return true;
  // template <class T> class F { ... T& object ... }, and F<G> in g's file.
  std::smatch match;
  const std::regex parameter(R"(template\s*<class (\w+)>)");
  for (std::sregex_iterator it(around.begin(), around.end(), parameter), end; it != end; ++it)
    if (has_pattern(around, "\\b" + (*it)[1].str() + rest) &&
        has_pattern(code_of(g.file), "\\b" + f.scope + "<" + g.scope + ">"))
      return true;
  return false;
}

bool calls(const std::string& body, const std::string& name) {
  return has_pattern(body, "(^|[^\\w~])" + name + R"(\s*(<[^;{}()]*>)?(\[[^\]]*\])?\s*\()");
}

// Nothing, or what is wrong with the step from f, whose text is `body`, to g.
std::string step_between(const TourFunction& f, const std::string& body, const TourFunction& g,
                         const CodeOf& code_of) {
  // The head names the function itself.
  const std::string inside = body.substr(body.find('{'));
  if (!g.through.empty()) {
    const std::string made = "[.>]" + g.through + R"(\s*=\s*)";
    const bool assigned = has_pattern(code_of(g.file), made + "(\\w+::)*" + g.name + "\\b") ||
                          has_pattern(body_of(g, code_of(g.file)).value_or(""), made + "\\[");
    if (!has_pattern(inside, "(\\.|->)" + g.through + "\\b")) return "uses no member " + g.through;
    return assigned ? "" : "calls a member " + g.through + " that is not made there";
  }
  if (!g.called_as.empty()) {
    if (!calls(inside, g.called_as)) return "has no call " + g.called_as + "(...)";
    return denotes(g.called_as, f, inside, g, code_of)
               ? ""
               : "calls " + g.called_as + "(...), which is something else";
  }
  return calls(inside, g.name) ? "" : "does not call it";
}

std::string written(const TourFunction& f) {
  return (f.scope.empty() ? "" : f.scope + "::") + f.name + "() in " + f.file;
}

}  // namespace

std::vector<std::string> follow(const TourList& list, const CodeOf& code_of) {
  std::vector<std::string> wrong;
  std::optional<std::string> before;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const TourFunction& f = list[i];
    if (before)
      if (const std::string fault = step_between(list[i - 1], *before, f, code_of); !fault.empty())
        wrong.push_back("hop " + std::to_string(f.hop) + ": " + written(f) + ": " +
                        written(list[i - 1]) + " " + fault);
    before = body_of(f, code_of(f.file));
    if (!before) wrong.push_back("hop " + std::to_string(f.hop) + ": there is no " + written(f));
  }
  return wrong;
}

namespace {

std::string real_code(const std::string& file) {
  const std::filesystem::path path = repository() / "src" / file;
  return std::filesystem::is_regular_file(path) ? blank_comments_and_literals(read_text(path)) : "";
}

std::string real_tour() { return read_text(repository() / "docs/tour.md"); }

TEST(TourCalls, EveryFunctionCallsTheNext) {
  const std::vector<TourList> lists = tour_lists(real_tour());
  EXPECT_GE(lists.size(), 2u) << "the way of a training step, the way of a generated token";
  for (const TourList& list : lists) {
    EXPECT_GE(list.size(), 10u);
    for (const std::string& fault : follow(list, real_code)) ADD_FAILURE() << fault;
  }
}

TEST(TourCalls, EveryHopIsInOneFolder) {
  for (const TourList& list : tour_lists(real_tour())) {
    std::map<int, std::set<std::string>> folders;
    for (const TourFunction& f : list)
      folders[f.hop].insert(std::filesystem::path(f.file).parent_path().string());
    for (int hop = 1; hop <= list.back().hop; ++hop)
      EXPECT_EQ(folders[hop].size(), 1u)
          << "hop " << hop << " of the list that begins with " << written(list.front());
  }
}

// The ways to name a call, on a small tour through a small program.
class SmallTour : public ::testing::Test {
 protected:
  std::string code(const std::string& file) const {
    const auto found = files_.find(file);
    return found == files_.end() ? "" : found->second;
  }
  std::vector<std::string> faults(const std::string& page) const {
    const std::vector<TourList> lists = tour_lists(page);
    EXPECT_EQ(lists.size(), 1u);
    return follow(lists.at(0), [this](const std::string& file) { return code(file); });
  }

  std::map<std::string, std::string> files_ = {
      {"a.cc",
       "void run_it() { work<int>(1); }\n"
       "void add_it(C& c) {\n  c.run = [] { run_it(); };\n}\n"
       "int main() { commands[0].run(); }\n"},
      {"b.cc",
       "class Other {\n  void forward() {}\n};\n"
       "void Model::forward() { blocks_(1); }\n"
       "void work(int x) { model->forward(); }\n"},
      {"b.h", "class Model { Blocks<Block> blocks_; };\n"},
      {"c.h",
       "template <class Part>\nclass Blocks {\n  void operator()(int x) {\n"
       "    for (const Part& part : parts_) part(x);\n  }\n};\n"},
      {"d.cc",
       "struct Block {\n  void operator()(int x) { const auto path = pick(fast); path(x); }\n};\n"
       "void fast(int x) {}\nvoid slow(int x) {}\nBlocks<Block> all;\n"}};
  std::string page_ =
      "1. **`main()`** in `a.cc` finds **`add_it()`**, through `C::run`, which\n"
      "   calls **`run_it()`**, not `slow()`.\n"
      "2. **`work()`** in `b.cc` calls **`Model::forward()`**.\n"
      "3. **`Blocks::operator()`** in `c.h`, called as `blocks_(...)`.\n"
      "4. **`Block::operator()`** in `d.cc`, called as `part(...)`; **`fast()`**, called as\n"
      "   `path(...)`.\n";

  std::string with(const std::string& from, const std::string& to) const {
    std::string page = page_;
    return page.replace(page.find(from), from.size(), to);
  }
};

TEST_F(SmallTour, IsFollowed) {
  EXPECT_EQ(faults(page_), std::vector<std::string>{});
  const std::vector<TourList> lists = tour_lists(page_);
  ASSERT_EQ(lists.at(0).size(), 8u);
  EXPECT_EQ(lists[0][7].file, "d.cc");
  EXPECT_EQ(lists[0][7].called_as, "path");
  EXPECT_EQ(lists[0][7].hop, 4);
}

TEST_F(SmallTour, AFunctionThatIsNotThereIsAFault) {
  EXPECT_EQ(faults(with("**`work()`** in `b.cc`", "**`work()`** in `c.h`")).size(), 2u);
}

TEST_F(SmallTour, ACallThatIsNotThereIsAFault) {
  EXPECT_EQ(faults(with("calls **`run_it()`**, not", "not")),
            std::vector<std::string>{"hop 2: work() in b.cc: add_it() in a.cc does not call it"});
  EXPECT_EQ(faults(with("through `C::run`", "through `C::go`")).size(), 1u);
  EXPECT_EQ(faults(with("called as `blocks_(...)`", "called as `groups_(...)`")).size(), 1u);
}

TEST_F(SmallTour, ACallOfSomethingElseIsAFault) {
  EXPECT_EQ(faults(with("**`fast()`**", "**`slow()`**")),
            std::vector<std::string>{"hop 4: slow() in d.cc: Block::operator() in d.cc calls "
                                     "path(...), which is something else"});
  files_["b.h"] = "class Model { Other blocks_; };\n";
  EXPECT_EQ(faults(page_).size(), 1u);
}

TEST_F(SmallTour, AFunctionOfAnotherClassIsAFault) {
  files_["b.cc"] =
      "class Other {\n  void forward() { blocks_(1); }\n};\n"
      "void work(int x) { model->forward(); }\n";
  EXPECT_EQ(faults(page_).size(), 1u);
}

}  // namespace
}  // namespace house
