#include "serve/load/load.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/serve/load_report.h"
#include "cli/signals.h"
#include "serve/load/picture.h"

namespace stemma::cli {
namespace {

struct LoadFlags {
  serve::LoadPlan plan;
  std::string url = "http://127.0.0.1:8080/v1", words = "128", model, picture;
  std::vector<std::string> routes = {"completions"};
  std::int64_t seed = 1;
  bool json = false;
};

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

int run_load_command(LoadFlags& o) {
  o.plan.at = serve::Endpoint::of_url(o.url);
  o.plan.targets = targets_of(o.routes, o.model);
  read_words(o.words, o.plan);
  o.plan.interrupt = process_interrupt();
  o.plan.seed = static_cast<std::uint64_t>(o.seed);
  ProgressLine line;
  o.plan.progress = [&](std::int64_t done) {
    line.update(o.plan.requests > 0 ? fmt::format("{} of {} requests", done, o.plan.requests)
                                    : fmt::format("{} requests", done));
  };
  const serve::LoadResult result = serve::run_load(o.plan);
  line.finish();
  if (o.json)
    print_json(load_json(result));
  else
    print(load_table(result));
  if (!o.picture.empty()) {
    AtomicFile file(o.picture);
    file.write(serve::load_svg(result));
    file.commit();
  }
  if (result.failed > 0) log_warning(fmt::format("{} requests failed", result.failed));
  return result.failed > 0 ? kCheckFailed : interrupted_or_done();
}

}  // namespace

void add_load(Program& program) {
  auto o = std::make_shared<LoadFlags>();
  Command& c = program.add("load", "measure how fast a server answers many clients");
  c.about =
      "Sends requests to a server of OpenAI's API, ours or another, and prints how long clients "
      "waited: to the first token, between tokens and to the last one (percentiles), and the rate "
      "of all together. --streams clients ask again and again (closed loop); with --rate requests "
      "come at random times, whether or not earlier ones are answered (open loop). Prompts are "
      "random words and no two are alike. Exit code 1 where a request failed.";
  c.examples = {"stemma load --url http://127.0.0.1:8080/v1 --streams 32 --requests 128",
                "stemma load --rate 4 --seconds 60 --prompt-words 32-512 --picture load.svg",
                "stemma load --streams 256 --seconds 600 --requests 0 --leave-share 0.1 --json",
                "stemma load --routes chat=smollm2 embeddings=mini classify=mails"};
  c.options.add({"url", "of the server, to its /v1", "http://127.0.0.1:8080/v1", {"base_url"}},
                o->url);
  c.options.add({"model", "the id that requests name; not given: none", "smollm2"}, o->model);
  c.options.add(
      {"routes",
       "what requests ask: completions, chat, embeddings, classify, or several of them, "
       "each with a model of its own where one is named; each request takes one at random",
       "chat embeddings=mini"},
      o->routes);
  c.options.add({"key", "the key that requests show", "sk-..."}, o->plan.key);
  c.options.add({"streams",
                 "clients at the same time; with --rate: at most",
                 "32",
                 {"concurrency", "parallel"}},
                o->plan.streams, {1, 65536});
  c.options.add({"rate",
                 "requests a second at random times; 0: each client asks when it was answered",
                 "4",
                 {"request_rate"}},
                o->plan.rate, {0, 1e6});
  c.options.add({"requests", "in all; 0: until --seconds are over", "128", {"num_prompts"}},
                o->plan.requests, {0, 1 << 30});
  c.options.add({"seconds", "no new request after so many; 0: no such end", "600"}, o->plan.seconds,
                {0, 1e7});
  c.options.add({"prompt_words", "random words of a prompt, or a range of such numbers", "32-512"},
                o->words);
  c.options.add({"shared_words", "words that all prompts begin with", "1000"}, o->plan.shared_words,
                {0, 1 << 20});
  c.options.add({"output_tokens", "tokens of an answer", "128"}, o->plan.output_tokens,
                {1, 1 << 24});
  c.options.add({"to_the_end",
                 "send ignore_eos, so that all answers are equally long; false for servers that do "
                 "not know it",
                 "false"},
                o->plan.to_the_end);
  c.options.add(
      {"leave_share", "share of the clients that leave in the middle of an answer", "0.1"},
      o->plan.leave_share, {0, 1});
  c.options.add_path({"picture",
                      "a file for the distributions of the times as a picture (SVG)",
                      "load.svg",
                      {"plot"}},
                     o->picture);
  c.options.add({"seed", "of the words", "1"}, o->seed, {0, 1'000'000'000});
  declare_json(o->json, c.options);
  c.run = [o] { return run_load_command(*o); };
}

}  // namespace stemma::cli
