#include "cli/serve/load_flags.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/output.h"
#include "cli/serve/api_key.h"

namespace stemma::cli {
namespace {

// "128" or "32-512".
void read_words(const std::string& text, serve::LoadPlan& plan) {
  const auto number = [&](std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value > 1'000'000)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[load] --prompt-words must be a number or a range such as 32-512, "
                              "got '{}'",
                              text));
    return value;
  };
  const std::string_view all = text;
  const std::size_t dash = all.find('-');
  plan.least_words = number(all.substr(0, dash));
  plan.most_words = dash == std::string::npos ? plan.least_words : number(all.substr(dash + 1));
  if (plan.most_words < plan.least_words)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[load] --prompt-words goes from the smaller number to the larger one, "
                            "got '{}'",
                            text));
}

// Each a route such as "chat", or with the model that it asks: "classify=mails".
std::vector<serve::LoadTarget> targets_of(const std::vector<std::string>& routes,
                                          const std::string& model) {
  std::vector<serve::LoadTarget> targets;
  for (const std::string_view part : routes) {
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const auto* const found = std::find(serve::kLoadRoutes.begin(), serve::kLoadRoutes.end(), name);
    if (found == serve::kLoadRoutes.end())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[load] --routes knows {}, got '{}'",
                              fmt::join(serve::kLoadRoutes, ", "), name));
    targets.push_back(
        {static_cast<serve::LoadRoute>(found - serve::kLoadRoutes.begin()),
         equals == std::string_view::npos ? model : std::string(part.substr(equals + 1))});
  }
  return targets;
}

}  // namespace

serve::LoadPlan LoadFlags::load_plan() const {
  serve::LoadPlan load = plan;
  load.at = serve::Endpoint::of_url(url);
  load.targets = targets_of(routes, model);
  read_words(words, load);
  if (load.requests == 0 && load.seconds <= 0)
    throw Error(ErrorCode::invalid_argument,
                "[load] --requests 0 goes on until --seconds are over: give these");
  load.key = api_key(key_file);
  load.seed = static_cast<std::uint64_t>(seed);
  return load;
}

void declare(LoadFlags& flags, OptionSet& options) {
  options.add({"url", "of the server, to its /v1", "http://127.0.0.1:8080/v1", {"base_url"}},
              flags.url);
  options.add({"model", "the id that requests name; not given: none", "smollm2"}, flags.model);
  options.add({"routes",
               "what requests ask: completions, chat, embeddings, classify, or several of them, "
               "each with a model of its own where one is named; each request takes one at random",
               "chat embeddings=mini"},
              flags.routes);
  options.add_path(
      {"key_file",
       "a file that begins with the key that requests show; not given: the environment "
       "variable OPENAI_API_KEY, or none",
       "key.txt"},
      flags.key_file);
  options.add({"streams",
               "clients at the same time; with --rate: at most",
               "32",
               {"concurrency", "parallel"}},
              flags.plan.streams, {1, 65536});
  options.add({"rate",
               "requests a second at random times; 0: each client asks when it was answered",
               "4",
               {"request_rate"}},
              flags.plan.rate, {0, 1e6});
  options.add({"requests", "in all; 0: until --seconds are over", "128", {"num_prompts"}},
              flags.plan.requests, {0, 1 << 30});
  options.add({"seconds", "no new request after so many; 0: no such end", "600"},
              flags.plan.seconds, {0, 1e7});
  options.add({"prompt_words", "random words of a prompt, or a range of such numbers", "32-512"},
              flags.words);
  options.add({"shared_words", "words that all prompts begin with", "1000"},
              flags.plan.shared_words, {0, 1 << 20});
  options.add({"output_tokens", "tokens of an answer", "128"}, flags.plan.output_tokens,
              {1, 1 << 24});
  options.add({"to_the_end",
               "send ignore_eos, so that all answers are equally long; false for servers that do "
               "not know it",
               "false"},
              flags.plan.to_the_end);
  options.add({"leave_share", "share of the clients that leave in the middle of an answer", "0.1"},
              flags.plan.leave_share, {0, 1});
  options.add_path({"picture",
                    "a file for the distributions of the times as a picture (SVG)",
                    "load.svg",
                    {"plot"}},
                   flags.picture);
  options.add({"seed", "of the words", "1"}, flags.seed, {0, 1'000'000'000});
  declare_json(flags.json, options);
}

}  // namespace stemma::cli
