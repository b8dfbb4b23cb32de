#include "train/metrics.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace stemma::train {
namespace {

Json parse_line(std::string_view line, const std::string& where) {
  try {
    return Json::parse(line, where);
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{}; remove this line, the checkpoints do not need it", error.what()));
  }
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& run, std::int64_t last_step) : folder_(run) {
  keep_until(last_step);
  file_.open(folder_ / "metrics.jsonl", std::ios::app | std::ios::binary);
  if (!file_)
    throw Error(ErrorCode::device,
                fmt::format("[metrics] cannot write {}: {}", (folder_ / "metrics.jsonl").string(),
                            std::strerror(errno)));
}

void MetricsLog::keep_until(std::int64_t last_step) {
  const std::filesystem::path path = folder_ / "metrics.jsonl";
  if (!std::filesystem::exists(path)) return;
  const std::string text = read_file(path);
  AtomicFile kept(path);
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < text.size(); ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn by a kill
    const std::string_view line(text.data() + begin, end - begin);
    const Json json = parse_line(line, fmt::format("{}:{}", path.string(), number));
    begin = end + 1;
    if (json.at("step").as_int() > last_step) continue;
    note(json);
    kept.write(line);
    kept.write("\n");
  }
  kept.commit();
}

void MetricsLog::note(const Json& line) {
  const std::int64_t step = line.at("step").as_int();
  // A loss that is no number is written as null and has no place in the picture.
  if (const Json* loss = line.find("loss"); loss && loss->is_number())
    losses_.push_back({step, loss->as_double()});
  if (const Json* loss = line.find("val_loss"); loss && loss->is_number())
    evaluations_.push_back({step, loss->as_double()});
  if (const Json* seconds = line.find("seconds"); seconds && seconds->is_number())
    seconds_before_ = seconds->as_double();
}

void MetricsLog::append(const Json& line) {
  const std::string text = line.dump() + "\n";
  file_.write(text.data(), static_cast<std::streamsize>(text.size()));
  file_.flush();
  if (!file_)
    throw Error(ErrorCode::device,
                fmt::format("[metrics] cannot write {}: {}", (folder_ / "metrics.jsonl").string(),
                            std::strerror(errno)));
}

void MetricsLog::write(const StepMetrics& m) {
  Json line = Json::object({{"step", m.step}, {"tokens", m.tokens}, {"loss", m.loss}});
  for (const Metric& column : m.columns) line.set(column.name, column.value);
  line.set("lr", m.lr);
  line.set("grad_norm", m.grad_norm);
  line.set("tokens_per_s", m.tokens_per_s);
  line.set("share_of_peak", m.share_of_peak);
  line.set("seconds", m.seconds);
  append(line);
  losses_.push_back({m.step, m.loss});
}

void MetricsLog::write(const EvaluationMetrics& m) {
  Json line = Json::object({{"step", m.step}, {"tokens", m.tokens}});
  for (const Metric& column : m.columns) line.set(column.name, column.value);
  append(line);
  if (const Metric* loss = find_metric(m.columns, "val_loss"))
    evaluations_.push_back({m.step, loss->value});
}

void MetricsLog::draw() const {
  if (losses_.empty()) return;
  AtomicFile file(folder_ / "loss.svg");
  file.write(loss_curve_svg(losses_, evaluations_));
  file.commit();
}

}  // namespace stemma::train
