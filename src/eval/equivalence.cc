#include "eval/equivalence.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/philox.h"
#include "infer/forward.h"
#include "kernels/host.h"

namespace stemma::eval {
namespace {

constexpr std::int64_t kProbeTokens = 256;

constexpr std::string_view kProbeText =
    "A family tree of texts shows which copy was made from which. Whoever compares two copies "
    "looks "
    "for places where both have the same mistake, because a mistake is seldom made twice in the "
    "same "
    "way. Numbers help as well: in 1859 there were 12 copies, of which 7 were dated and 3 were "
    "lost "
    "by 1914. \"What remains,\" wrote the librarian, \"is a puzzle that a patient person can "
    "solve.\" "
    "First, write down every difference; second, sort them by kind; third, ask which of them could "
    "have come about by chance. A program does the same: if (a[i] != b[i]) count++; and at the end "
    "it prints the sum. The harbour was quiet, the boats lay in the mud, and nobody hurried. When "
    "the tide came back in the evening, the children ran down to the water and shouted the names "
    "of "
    "the boats as they rose, one after the other, until all of them floated and the day was over.";

struct Outcome {
  std::vector<float> values;  // [T, width]
  std::size_t width = 0;
};

Outcome outcome_of(const infer::LoadedModel& model, std::span<const std::int32_t> ids,
                   bool logits) {
  infer::Forward forward(model);
  const Tensor result = logits ? forward.logits(ids) : forward.states(ids);
  Outcome outcome{kernels::to_host<float>(model.stream(), result),
                  static_cast<std::size_t>(result.cols())};
  for (const float value : outcome.values)
    if (!std::isfinite(value))
      throw Error(
          ErrorCode::corrupt,
          "[equivalence] a model gives values that are not finite: its weights are damaged");
  return outcome;
}

// −log softmax(row)[target]
double surprise(std::span<const float> row, std::int32_t target) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float value : row) sum += std::exp(static_cast<double>(value) - top);
  return std::log(sum) + top - static_cast<double>(row[static_cast<std::size_t>(target)]);
}

double perplexity_of(const Outcome& outcome, std::span<const std::int32_t> ids) {
  double nats = 0;
  for (std::size_t t = 0; t + 1 < ids.size(); ++t)
    nats +=
        surprise(std::span(outcome.values).subspan(t * outcome.width, outcome.width), ids[t + 1]);
  return std::exp(nats / static_cast<double>(std::max<std::size_t>(ids.size() - 1, 1)));
}

std::size_t best(const Outcome& outcome, std::size_t row) {
  const auto begin = outcome.values.begin() + static_cast<std::ptrdiff_t>(row * outcome.width);
  return static_cast<std::size_t>(
      std::max_element(begin, begin + static_cast<std::ptrdiff_t>(outcome.width)) - begin);
}

}  // namespace

Equivalence compare_models(const infer::LoadedModel& first, const infer::LoadedModel& second,
                           std::span<const std::int32_t> ids) {
  Equivalence result;
  result.of_logits = first.model().has_token_head() && second.model().has_token_head();
  const Outcome a = outcome_of(first, ids, result.of_logits);
  const Outcome b = outcome_of(second, ids, result.of_logits);
  if (a.width != b.width)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[equivalence] the models give {} and {} values a token: they are not "
                            "the same model",
                            a.width, b.width));
  for (std::size_t i = 0; i < a.values.size(); ++i)
    result.max_abs_difference =
        std::max(result.max_abs_difference,
                 std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i])));
  if (!result.of_logits) return result;
  std::size_t same = 0;
  for (std::size_t t = 0; t < ids.size(); ++t) same += best(a, t) == best(b, t);
  result.top1_agreement = static_cast<double>(same) / static_cast<double>(ids.size());
  result.perplexity_change = perplexity_of(b, ids) / perplexity_of(a, ids) - 1;
  return result;
}

std::vector<std::int32_t> probe_ids(const infer::LoadedModel& model) {
  std::vector<std::int32_t> ids;
  if (model.find_tokenizer()) model.find_tokenizer()->encode(kProbeText, ids);
  const std::int64_t count = std::min(kProbeTokens, model.most_tokens());
  for (std::uint32_t i = 0; ids.size() < static_cast<std::size_t>(count) && ids.size() <= i; ++i)
    ids.push_back(static_cast<std::int32_t>(philox(philox_key(1), {i, 0, 0, 0})[0] %
                                            static_cast<std::uint64_t>(model.config().vocab)));
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(count)));
  return ids;
}

}  // namespace stemma::eval
