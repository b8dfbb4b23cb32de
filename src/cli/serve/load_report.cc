#include "cli/serve/load_report.h"

#include <algorithm>

#include <fmt/format.h>

namespace stemma::cli {
namespace {

Json times_json(const serve::Times& times) {
  return Json::object({{"p50", times.at(0.5)},
                       {"p95", times.at(0.95)},
                       {"p99", times.at(0.99)},
                       {"max", times.at(1)},
                       {"mean", times.mean()}});
}

}  // namespace

Json load_json(const serve::LoadResult& r) {
  Json errors = Json::object();
  for (const auto& [text, count] : r.errors) errors.set(text, count);
  Json routes = Json::object();
  for (std::size_t i = 0; i < serve::kLoadRoutes.size(); ++i)
    if (const serve::Times& waits = r.first_token_of[i]; !waits.empty())
      routes.set(serve::kLoadRoutes[i],
                 Json::object({{"answered", static_cast<std::int64_t>(waits.sorted().size())},
                               {"first_token_seconds", times_json(waits)}}));
  const auto rate = [&](std::int64_t count) {
    return r.seconds > 0 ? static_cast<double>(count) / r.seconds : 0.0;
  };
  return Json::object({{"requests", r.requests},
                       {"failed", r.failed},
                       {"left", r.left},
                       {"seconds", r.seconds},
                       {"requests_per_s", rate(r.requests)},
                       {"prompt_tokens", r.prompt_tokens},
                       {"output_tokens", r.output_tokens},
                       {"output_tokens_per_s", rate(r.output_tokens)},
                       {"first_token_seconds", times_json(r.first_token)},
                       {"between_tokens_seconds", times_json(r.between_tokens)},
                       {"whole_seconds", times_json(r.whole)},
                       {"routes", std::move(routes)},
                       {"errors", std::move(errors)}});
}

std::string load_table(const serve::LoadResult& r) {
  std::string text = fmt::format(
      "{} requests in {:.1f} s, {} failed, {} left: {:.1f} output tokens/s, {:.2f} requests/s\n\n"
      "{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
      r.requests, r.seconds, r.failed, r.left,
      static_cast<double>(r.output_tokens) / std::max(r.seconds, 1e-9),
      static_cast<double>(r.requests) / std::max(r.seconds, 1e-9), "milliseconds", "p50", "p95",
      "p99", "max", "mean");
  const auto row = [&](const std::string& name, const serve::Times& t) {
    if (t.empty()) return;
    text +=
        fmt::format("{:<24}{:>10.1f}{:>10.1f}{:>10.1f}{:>10.1f}{:>10.1f}\n", name, 1e3 * t.at(0.5),
                    1e3 * t.at(0.95), 1e3 * t.at(0.99), 1e3 * t.at(1), 1e3 * t.mean());
  };
  row("to the first token", r.first_token);
  row("between tokens", r.between_tokens);
  row("to the last token", r.whole);
  const auto is_measured = [](const serve::Times& t) { return !t.empty(); };
  if (std::count_if(r.first_token_of.begin(), r.first_token_of.end(), is_measured) > 1)
    for (std::size_t i = 0; i < serve::kLoadRoutes.size(); ++i)
      if (is_measured(r.first_token_of[i]))
        row(fmt::format("first of {}", serve::kLoadRoutes[i]), r.first_token_of[i]);
  for (const auto& [error, count] : r.errors) text += fmt::format("{} times: {}\n", count, error);
  return text;
}

}  // namespace stemma::cli
