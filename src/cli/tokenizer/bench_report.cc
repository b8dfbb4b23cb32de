#include "cli/tokenizer/bench_report.h"

#include <fmt/format.h>

#include "base/progress.h"
#include "device/memory.h"

namespace stemma::cli {
namespace {

Json spread_json(const report::Spread& s) {
  return Json::object({{"median", s.median}, {"min", s.min}, {"max", s.max}});
}

Json rates_json(const report::TextRates& r, double main_rate) {
  Json out = Json::object({{"text", r.text},
                           {"bytes", r.bytes},
                           {"tokens", r.tokens},
                           {"encode_bytes_per_s", spread_json(r.encode)},
                           {"decode_bytes_per_s", spread_json(r.decode)},
                           {"encode_relative", r.encode.median / main_rate}});
  if (r.parallel.median > 0) {
    out.set("parallel_bytes_per_s", spread_json(r.parallel));
    out.set("apart_bytes_per_s", spread_json(r.apart));
  }
  return out;
}

std::string megabytes(const report::Spread& s) {
  if (s.median == 0) return "-";
  return fmt::format("{:.1f} ({:.1f}-{:.1f})", s.median / 1e6, s.min / 1e6, s.max / 1e6);
}

}  // namespace

Json tokenizer_bench_json(const std::vector<report::TokenizerRates>& results) {
  Json tokenizers{Json::Array{}};
  for (const report::TokenizerRates& one : results) {
    Json texts{Json::Array{}};
    for (const report::TextRates& r : one.texts)
      texts.push_back(rates_json(r, one.texts.front().encode.median));
    tokenizers.push_back(Json::object({{"tokenizer", one.tokenizer},
                                       {"load_seconds", spread_json(one.load_seconds)},
                                       {"texts", std::move(texts)}}));
  }
  return Json::object(
      {{"tokenizers", std::move(tokenizers)}, {"peak_memory_bytes", peak_memory_bytes()}});
}

std::string tokenizer_bench_text(const Json& out,
                                 const std::vector<report::TokenizerRates>& results) {
  std::string text = fmt::format(
      "{:<14} {:<16} {:>22} {:>22} {:>22} {:>22} {:>9}\n", "tokenizer", "text", "encode MB/s",
      fmt::format("{} threads", out.at("threads").as_int()), "apart", "decode MB/s", "relative");
  for (const report::TokenizerRates& one : results)
    for (const report::TextRates& r : one.texts)
      text += fmt::format("{:<14} {:<16} {:>22} {:>22} {:>22} {:>22} {:>9.2f}\n", one.tokenizer,
                          r.text, megabytes(r.encode), megabytes(r.parallel), megabytes(r.apart),
                          megabytes(r.decode), r.encode.median / one.texts.front().encode.median);
  text += "loading:";
  for (const report::TokenizerRates& one : results)
    text +=
        fmt::format(" {} {:.1f} ms ({:.1f}-{:.1f})", one.tokenizer, 1e3 * one.load_seconds.median,
                    1e3 * one.load_seconds.min, 1e3 * one.load_seconds.max);
  const std::uint64_t peak = static_cast<std::uint64_t>(out.at("peak_memory_bytes").as_int());
  text += fmt::format("\npeak memory {}\n", format_bytes(peak));
  const Json* memory = out.find("memory");
  if (memory == nullptr) return text;
  return text + fmt::format("one core reads {:.1f} GB/s, copies {:.1f} GB/s\n",
                            memory->at("read_bytes_per_s").as_double() / 1e9,
                            memory->at("copy_bytes_per_s").as_double() / 1e9);
}

}  // namespace stemma::cli
