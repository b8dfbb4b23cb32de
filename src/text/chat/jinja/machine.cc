// Statements; expressions.cc has expressions.
#include "text/chat/jinja/machine.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/chat/jinja/functions.h"
#include "text/chat/jinja/printing.h"

namespace stemma::chat::jinja {
namespace {

// The scope of a block, until the end of ours.
class Inside {
 public:
  Inside(std::shared_ptr<Scope>& present, std::shared_ptr<Scope> parent)
      : present_(present), before_(std::move(present)) {
    present_ = std::make_shared<Scope>();
    present_->parent = std::move(parent);
  }
  explicit Inside(std::shared_ptr<Scope>& present) : Inside(present, present) {}
  ~Inside() { present_ = std::move(before_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  const std::shared_ptr<Scope>& before() const { return before_; }

 private:
  std::shared_ptr<Scope>& present_;
  std::shared_ptr<Scope> before_;
};

}  // namespace

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->parent.get())
    for (const auto& [known, value] : scope->names)
      if (known == name) return &value;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  const auto found = std::ranges::find(names, name, [](const auto& one) { return one.first; });
  if (found != names.end())
    found->second = std::move(value);
  else
    names.emplace_back(name, std::move(value));
}

Machine::Machine(const std::tm& now) : now_(now), root_(std::make_shared<Scope>()), scope_(root_) {
  for (const std::string_view name : kFunctions)
    define(name, Value(std::make_shared<const Function>(Function{std::string(name), nullptr})));
}

Machine::~Machine() {
  for (const auto& scope : scopes_of_macros_) scope->names.clear();
}

MarkedText Machine::run(const Block& block) {
  MarkedText out;
  execute(block, out);
  return out;
}

Machine::Flow Machine::execute(const Block& block, MarkedText& out) {
  for (const Statement& statement : block)
    if (const Flow flow = execute(statement, out); flow != Flow::on) return flow;
  return Flow::on;
}

Machine::Flow Machine::execute(const Statement& statement, MarkedText& out) {
  using enum Statement::Kind;
  budget.step();
  budget.line = statement.line;
  switch (statement.kind) {
    case Statement::Kind::text:
      budget.make_text(out.size() + statement.text.size(), statement.text.size());
      out.append(statement.text, Origin::of_template);
      return Flow::on;
    case output:
      print(evaluate(*statement.expressions[0]), out);
      return Flow::on;
    case if_chain:
      return execute_if(statement, out);
    case for_loop:
      return execute_loop(statement, out);
    case set:
      assign(*statement.targets[0], evaluate(*statement.expressions[0]));
      return Flow::on;
    case set_block:
      execute_set_block(statement);
      return Flow::on;
    case with:
      return execute_with(statement, out);
    case macro:
      define_macro(statement);
      return Flow::on;
    case filter_block: {
      MarkedText inside;
      const Flow flow = execute_inside(statement.blocks[0], inside);
      const Value piped(std::move(inside));
      print(evaluate_filter(*statement.expressions[0], &piped), out);
      return flow;
    }
    case Statement::Kind::scope:
      return execute_inside(statement.blocks[0], out);
    case loop_break:
      return Flow::breaks;
    case loop_continue:
      return Flow::continues;
  }
  return Flow::on;
}

void Machine::print(const Value& value, MarkedText& out) {
  const MarkedText printed = text(value);
  budget.make_text(out.size() + printed.size(), printed.size());
  out.append(printed);
}

Machine::Flow Machine::execute_inside(const Block& block, MarkedText& out) {
  const Budget::Level level(budget);
  const Inside inside(scope_);
  return execute(block, out);
}

Machine::Flow Machine::execute_if(const Statement& statement, MarkedText& out) {
  const Budget::Level level(budget);
  for (std::size_t i = 0; i < statement.blocks.size(); ++i)
    if (i == statement.expressions.size() || truth(evaluate(*statement.expressions[i])))
      return execute(statement.blocks[i], out);
  return Flow::on;
}

Machine::Flow Machine::execute_loop(const Statement& statement, MarkedText& out) {
  const Budget::Level level(budget);
  std::vector<Value> all = items(evaluate(*statement.expressions[0]));
  const Expression& target = *statement.targets[0];
  if (const Expression* wanted = statement.expressions[1].get())
    std::erase_if(all, [&](const Value& one) {
      const Inside inside(scope_);
      assign(target, one);
      return !truth(evaluate(*wanted));
    });
  const auto shared = std::make_shared<const std::vector<Value>>(std::move(all));
  for (std::size_t i = 0; i < shared->size(); ++i) {
    budget.step();
    const Inside inside(scope_);
    scope_->set("loop", Value(std::make_shared<const Loop>(Loop{shared, i})));
    assign(target, (*shared)[i]);
    if (execute(statement.blocks[0], out) == Flow::breaks) break;
  }
  if (shared->empty() && statement.blocks.size() > 1)
    return execute_inside(statement.blocks[1], out);
  return Flow::on;
}

void Machine::execute_set_block(const Statement& statement) {
  MarkedText inside;
  execute_inside(statement.blocks[0], inside);
  Value value(std::move(inside));
  if (const Expression* filter = statement.expressions[0].get())
    value = evaluate_filter(*filter, &value);
  assign(*statement.targets[0], value);
}

Machine::Flow Machine::execute_with(const Statement& statement, MarkedText& out) {
  const Budget::Level level(budget);
  std::vector<Value> values;
  for (const auto& expression : statement.expressions) values.push_back(evaluate(*expression));
  const Inside inside(scope_);
  for (std::size_t i = 0; i < values.size(); ++i) assign(*statement.targets[i], values[i]);
  return execute(statement.blocks[0], out);
}

void Machine::define_macro(const Statement& statement) {
  constexpr std::size_t kMostScopes = 10'000;
  if (scopes_of_macros_.size() >= kMostScopes)
    fail(fmt::format("macros were defined in more than {} places", kMostScopes));
  if (scopes_of_macros_.empty() || scopes_of_macros_.back() != scope_)
    scopes_of_macros_.push_back(scope_);
  scope_->set(statement.text, Value(std::make_shared<const Macro>(Macro{&statement, scope_})));
}

void Machine::assign(const Expression& target, const Value& value) {
  if (target.kind == Expression::Kind::name) return scope_->set(target.text, value);
  budget.line = target.line;
  if (target.kind == Expression::Kind::name_attribute) {
    const Value* found = scope_->find(target.words[0]);
    Namespace* holder = found ? found->shared<Namespace>() : nullptr;
    if (!holder)
      fail(fmt::format("'{}.{}' cannot be set: '{}' is no namespace", target.words[0], target.text,
                       target.words[0]));
    set_attribute(*this, *holder, target.text, value);
    return;
  }
  const std::vector<Value> values = items(value);
  if (values.size() != target.parts.size())
    fail(fmt::format("{} values for {} names", values.size(), target.parts.size()));
  for (std::size_t i = 0; i < values.size(); ++i) assign(*target.parts[i], values[i]);
}

Value Machine::call_macro(const Macro& macro, const Arguments& arguments) {
  const Budget::Level level(budget);
  const Statement& definition = *macro.definition;
  const std::vector<std::string>& names = definition.parameters;
  if (arguments.positional.size() > names.size())
    fail(fmt::format("macro '{}' takes {} arguments and got {}", definition.text, names.size(),
                     arguments.positional.size()));
  const Inside inside(scope_, macro.scope);
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    scope_->set(names[i], arguments.positional[i]);
  for (const auto& [name, value] : arguments.named) {
    const auto place = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    if (place == names.size() || place < arguments.positional.size())
      fail(fmt::format("macro '{}' has no argument '{}', or got it twice", definition.text, name));
    scope_->set(name, value);
  }
  const std::size_t without_default = names.size() - definition.expressions.size();
  for (std::size_t i = arguments.positional.size(); i < names.size(); ++i) {
    const auto given =
        std::ranges::find(arguments.named, names[i], [](const auto& one) { return one.first; });
    if (given != arguments.named.end()) continue;
    scope_->set(names[i],
                i < without_default
                    ? Value::undefined(fmt::format("parameter '{}' was not provided", names[i]))
                    : evaluate(*definition.expressions[i - without_default]));
  }
  MarkedText out;
  execute(definition.blocks[0], out);
  return Value(std::move(out));
}

}  // namespace stemma::chat::jinja
