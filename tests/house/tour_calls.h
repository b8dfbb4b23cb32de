// Reads the lists of hops of docs/tour.md and follows them through the sources: each function in
// bold must call the next one in bold. The tour writes a function in one of these ways:
//
//   **`Trainer::step()`** in `train/trainer.cc`    the function before it calls `step(...)`
//   **`accumulate()`**                             the same, in the file named before it in the hop
//   **`Blocks::operator()`** in `models/parts.h`, called as `blocks_(...)`
//                                                  the function before it holds that call, and
//                                                  `blocks_` is declared as a Blocks, as a template
//                                                  parameter that stands for it, or made from it
//   **`add_train()`** in `cli/train/train.cc`, through `Command::run`
//                                                  the function before it uses the member `run`,
//                                                  and this one, or a lambda in it, is assigned to
//                                                  one
//
// Names in backticks that are not bold are remarks: tour_test.cc checks that they exist.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace house {

struct TourFunction {
  int hop = 0;              // the number in front of the list item
  std::string scope, name;  // "Trainer", "step"; the scope may be empty, a class or a namespace
  std::string file;         // under src/: "train/trainer.cc"
  std::string called_as;    // "blocks_", or empty
  std::string through;      // "run" of `Command::run`, or empty
};

// One list of hops: its functions, in the order in which they call each other.
using TourList = std::vector<TourFunction>;

// The numbered lists of a page that name functions in bold. Code blocks are no lists.
std::vector<TourList> tour_lists(const std::string& page);

// Gives a file's code without comments and literals, empty where there is no such file.
using CodeOf = std::function<std::string(const std::string& file)>;

// What is not so, one sentence each; empty when every call is there.
std::vector<std::string> follow(const TourList& list, const CodeOf& code_of);

}  // namespace house
