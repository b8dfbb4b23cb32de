// Walks the tree of a template and prints it: the names, the values and the text so far.
//
//   Machine machine(now);
//   machine.define("messages", Value::of_json(messages, true));
//   const MarkedText text = machine.run(block);
//
// It reaches nothing but the values that it was given: no file, no clock, no attribute of anything
// but strings, lists, objects, namespaces and loops. Throws unsupported with the line of the
// template where Jinja2 would fail and where something is not supported, invalid_argument where the
// template itself refuses the conversation (raise_exception), and see Budget. One rendering, one
// thread; the tree must outlive it.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat/jinja/budget.h"
#include "text/chat/jinja/syntax.h"
#include "text/chat/jinja/value.h"

namespace stemma::chat::jinja {

// The names that a block sees, those of the blocks around it too.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> names;

  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Machine {
 public:
  // now: what strftime_now() prints.
  explicit Machine(const std::tm& now);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void define(std::string_view name, Value value) { root_->set(name, std::move(value)); }
  MarkedText run(const Block& block);

  // What the filters and methods need.
  Budget budget;
  const std::tm& now() const { return now_; }
  [[noreturn]] void fail(std::string_view what) const { budget.fail(what); }
  // x.name and x[key]; undefined where there is none.
  Value attribute(const Value& base, const std::string& name);
  Value item(const Value& base, const Value& key);
  Value slice(const Value& base, const Value& begin, const Value& end, const Value& step);
  Value call(const Value& function, const Arguments& arguments);
  Value filter(std::string_view name, const Value& value, const Arguments& arguments);
  bool test(std::string_view name, const Value& value, const Arguments& arguments);
  // What a loop over a value gives. Fails where there is nothing to loop over.
  std::vector<Value> items(const Value& value);
  // str(): what a value prints.
  MarkedText text(const Value& value);
  Value make_text(MarkedText text, bool markup = false);
  Value make_list(std::vector<Value> items, Sequence::Kind kind = Sequence::Kind::list);
  bool equal(const Value& a, const Value& b);
  // Fails where Python cannot order the two.
  int order(const Value& a, const Value& b);
  bool contains(const Value& container, const Value& value);

 private:
  enum class Flow : std::uint8_t { on, breaks, continues };

  Flow execute(const Block& block, MarkedText& out);
  Flow execute(const Statement& statement, MarkedText& out);
  Flow execute_if(const Statement& statement, MarkedText& out);
  Flow execute_loop(const Statement& statement, MarkedText& out);
  Flow execute_inside(const Block& block, MarkedText& out);
  void execute_set_block(const Statement& statement);
  Flow execute_with(const Statement& statement, MarkedText& out);
  void define_macro(const Statement& statement);
  void print(const Value& value, MarkedText& out);
  void assign(const Expression& target, const Value& value);
  Value call_macro(const Macro& macro, const Arguments& arguments);

  Value evaluate(const Expression& expression);
  Value evaluate_name(const Expression& expression);
  Value evaluate_unary(const Expression& expression);
  Value evaluate_comparison(const Expression& expression);
  Value evaluate_dictionary(const Expression& expression);
  Value evaluate_slice(const Expression& expression);
  Value evaluate_join(const Expression& expression);
  // {% filter %} and {% set %} give `piped` to the filter that has nothing before it.
  Value evaluate_filter(const Expression& expression, const Value* piped = nullptr);
  Arguments evaluate_arguments(const Expression& expression);
  std::vector<Value> evaluate_parts(const Expression& expression);

  const std::tm now_;
  std::shared_ptr<Scope> root_, scope_;
  // Those that macros were defined in hold these macros, which hold them.
  std::vector<std::shared_ptr<Scope>> scopes_of_macros_;
};

}  // namespace stemma::chat::jinja
