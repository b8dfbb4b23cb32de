// What rendering a template may cost. Every loop, operation and copied stretch of text is charged
// here, so that a template that never ends, or that doubles a text again and again, fails early.
//
//   Budget budget;
//   budget.step(items.size());          // throws once too much was done
//   const Budget::Level level(budget);  // one level deeper until the end of the scope
//
// One rendering, one thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace stemma::chat::jinja {

class Budget {
 public:
  static constexpr std::size_t kSteps = 4'000'000;                 // about a second at worst
  static constexpr std::size_t kBytes = std::size_t{1} << 28;      // of all texts that are made
  static constexpr std::size_t kTextBytes = std::size_t{1} << 24;  // of one text, the result too
  static constexpr int kLevels = 700;  // of expressions, statements and macros in each other

  // The line of the template that is at work, for messages.
  int line = 1;

  void step(std::size_t count = 1);
  // A text of this size is made, or grows to it by `new_bytes`.
  void make_text(std::size_t bytes) { make_text(bytes, bytes); }
  void make_text(std::size_t bytes, std::size_t new_bytes);
  // A text is searched for another one: at worst the product of their sizes.
  void search(std::size_t text_bytes, std::size_t wanted_bytes);

  // Throws unsupported: "[chat] line 3 of the chat template: what".
  [[noreturn]] void fail(std::string_view what) const;

  class Level {
   public:
    explicit Level(Budget& budget);
    ~Level() { --budget_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };

 private:
  void use_bytes(std::size_t bytes);

  std::size_t steps_ = 0, bytes_ = 0;
  int level_ = 0;
};

}  // namespace stemma::chat::jinja
