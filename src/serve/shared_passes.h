// Items of many requests, worked on in passes that the requests share. Each pass takes one item of
// every request in turn (round-robin) until it is full, so that a short request does not wait for
// the end of a long one.
//
//   SharedPasses<Text, Vector> texts;
//   texts.add({.items = {...}, .gone = client.gone(), .done = [](auto vectors, auto error) { ...
//   }}); while (!texts.empty())
//     texts.pass(kSharedPassTokens, tokens_of, [&](std::span<const Text> some) { return
//     vectors_of(some); });
//
// One thread, on which `done` runs too. What an item gives must not depend on the others in a pass.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/log.h"

namespace stemma::serve {

// Tokens of a pass of whole texts, and how long passes may follow each other before others who
// share the machine have their turn: about as long as a pass of an engine at work, which makes
// shares even.
inline constexpr std::int64_t kSharedPassTokens = 512;
inline constexpr std::chrono::milliseconds kSharedPassesTime{250};

template <class Item, class Answer>
class SharedPasses {
 public:
  // An answer for each item; or an error and no answers; or neither, where the client is gone.
  using Done = std::function<void(std::vector<Answer> answers, std::exception_ptr error)>;
  struct Job {
    std::vector<Item> items;
    Interrupt gone = {};  // requested when nobody wants the answers any more
    Done done;
  };

  // At least one item.
  void add(Job job) { requests_.push_back({std::move(job), 0, {}}); }
  bool empty() const { return requests_.empty(); }
  std::size_t size() const { return requests_.size(); }

  // One pass: items until their costs reach `most`. `work` gives one Answer for each of a
  // std::span<const Item>; where it throws, each item is asked alone, so that what one request has
  // wrong is its own failure.
  template <class Cost, class Work>
  void pass(std::int64_t most, const Cost& cost, const Work& work) {
    drop_gone();
    std::vector<Item> items;
    const std::vector<Request*> owners = take(most, cost, items);
    if (items.empty()) return;
    try {
      std::vector<Answer> answers = work(std::span<const Item>(items));
      for (std::size_t i = 0; i < owners.size(); ++i)
        owners[i]->answers.push_back(std::move(answers[i]));
    } catch (...) {
      if (owners.size() == 1)
        owners.front()->error = std::current_exception();
      else
        one_by_one(items, owners, work);
    }
    end_complete();
  }

  // Passes until nothing is left or `time` is over; at least one.
  template <class Cost, class Work>
  void passes(std::chrono::milliseconds time, std::int64_t most, const Cost& cost,
              const Work& work) {
    const auto end = std::chrono::steady_clock::now() + time;
    do pass(most, cost, work);
    while (!empty() && std::chrono::steady_clock::now() < end);
  }

  // Ends all that is left as failed.
  void fail_all(const std::exception_ptr& error) {
    for (Request& r : requests_) finish(r, error);
    requests_.clear();
  }

 private:
  struct Request {
    Job job;
    std::size_t next = 0;         // item
    std::vector<Answer> answers;  // of the items before
    std::exception_ptr error = {};
  };

  template <class Cost>
  std::vector<Request*> take(std::int64_t most, const Cost& cost, std::vector<Item>& items) {
    std::vector<Request*> owners;
    std::int64_t sum = 0;
    // Who gave an item goes to the end of the line, for the next pass too.
    for (std::size_t in_a_row_without = 0; sum < most && in_a_row_without < requests_.size();) {
      Request& r = requests_.front();
      requests_.splice(requests_.end(), requests_, requests_.begin());
      if (r.next == r.job.items.size()) {
        ++in_a_row_without;
        continue;
      }
      in_a_row_without = 0;
      Item& item = r.job.items[r.next++];
      sum += cost(item);
      items.push_back(std::move(item));
      owners.push_back(&r);
    }
    return owners;
  }

  template <class Work>
  static void one_by_one(const std::vector<Item>& items, const std::vector<Request*>& owners,
                         const Work& work) {
    for (std::size_t i = 0; i < owners.size(); ++i) try {
        owners[i]->answers.push_back(
            std::move(work(std::span<const Item>(items).subspan(i, 1)).front()));
      } catch (...) {
        owners[i]->error = std::current_exception();
      }
  }

  void drop_gone() {
    std::erase_if(requests_, [](Request& r) {
      if (!r.job.gone.requested()) return false;
      finish(r, {}, true);
      return true;
    });
  }

  void end_complete() {
    std::erase_if(requests_, [](Request& r) {
      if (!r.error && r.answers.size() < r.job.items.size()) return false;
      finish(r, r.error);
      return true;
    });
  }

  // An answer that cannot be put into words is this one's failure; the others go on.
  static void finish(Request& r, const std::exception_ptr& error, bool gone = false) {
    if (error || gone) r.answers.clear();
    try {
      r.job.done(std::move(r.answers), error);
    } catch (const std::exception& thrown) {
      log_error(std::string("[serve] an answer failed: ") + thrown.what());
    }
  }

  std::list<Request> requests_;
};

}  // namespace stemma::serve
