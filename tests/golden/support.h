// What the golden tests share: where files lie, batches, intermediate values, and how far apart two
// sets of numbers are. The errors reached go into the test report (--gtest_output=xml).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/safetensors.h"
#include "device/cpu.h"
#include "infer/generator.h"
#include "infer/loaded_model.h"
#include "models/model.h"
#include "ops/context.h"
#include "tensor/batch.h"

namespace stemma::golden {

namespace fs = std::filesystem;

inline fs::path fixture(std::string_view name) {
  return fs::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures" / name;
}

// A folder of the shared material; empty where it is missing.
inline fs::path shared_model(std::string_view name) {
  const char* root = std::getenv("STEMMA_SHARED");
  const fs::path path =
      (root ? fs::path(root) : fs::path(STEMMA_SOURCE_DIR) / ".." / "shared") / "models" / name;
  return fs::exists(path) ? path : fs::path();
}

#define SKIP_WITHOUT(folder, name) \
  if ((folder).empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/models/" << (name)

inline Json json_of(const fs::path& path) { return Json::parse(read_file(path), path.string()); }

inline std::vector<std::int32_t> ids_of(const Json& json) {
  std::vector<std::int32_t> ids;
  for (const Json& id : json.as_array()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
  return ids;
}

// One or more sequences end to end, each from position 0.
inline Batch batch_of(const std::vector<std::vector<std::int32_t>>& sequences) {
  Batch batch;
  batch.offsets = {0};
  for (const auto& ids : sequences) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
      batch.ids.push_back(ids[t]);
      batch.positions.push_back(static_cast<std::int32_t>(t));
    }
    batch.numbers.push_back(batch.sequences());
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

// Every value of a tensor in order, without its row stride.
inline std::vector<float> values_of(const Tensor& t) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(t.elements()));
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c) {
      const std::int64_t i = r * t.row_stride() + c;
      values.push_back(t.dtype() == DType::bf16 ? to_float(t.data<bf16>()[i]) : t.data<float>()[i]);
    }
  return values;
}

// The numbers of a safetensors file.
class Golden {
 public:
  explicit Golden(const fs::path& path) : file_(path) {}
  std::vector<float> floats(std::string_view name) const {
    return values_of(file_.read(file_.at(name), checkpoint::Memory::shared));
  }
  bool has(std::string_view name) const { return file_.find(name) != nullptr; }
  std::vector<std::int32_t> ids(std::string_view name) const {
    const std::vector<float> values = floats(name);  // small integers, exact in f32
    return {values.begin(), values.end()};
  }

 private:
  checkpoint::SafetensorsReader file_;
};

struct Difference {
  double absolute = 0;  // the largest
  double relative = 0;  // that over the reference's largest element
};

// NaN where a value is NaN or the sizes differ, so that every comparison with it fails.
inline Difference difference(const std::vector<float>& got, const std::vector<float>& wanted) {
  Difference d;
  double largest = 0;
  if (got.size() != wanted.size() || got.empty()) return {std::nan(""), std::nan("")};
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double off = std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i]));
    if (!(off <= d.absolute)) d.absolute = off;
    if (std::isnan(off)) return {off, off};
    largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
  }
  d.relative = largest > 0 ? d.absolute / largest : d.absolute;
  return d;
}

inline void report(const std::string& what, double value) {
  ::testing::Test::RecordProperty(what, fmt::format("{:.2e}", value));
}

// Keeps a copy of all that an observed pass shows.
class Recorder final : public ops::Observer {
 public:
  struct Entry {
    std::string name;
    std::vector<float> values;
  };
  void observe(std::string_view name, const Tensor& value) override {
    entries.push_back({std::string(name), values_of(value)});
  }
  // The n-th value of that name; empty where there is none.
  std::vector<float> get(std::string_view name, std::size_t n) const {
    for (const Entry& entry : entries)
      if (entry.name == name && n-- == 0) return entry.values;
    return {};
  }
  std::vector<Entry> entries;
};

// Logits of every row of a batch.
inline std::vector<float> logits_of(const Model& model, ops::Context& ctx, const Batch& batch) {
  nn::FullAttention attention(batch);
  return values_of(model.head().logits(ctx, model.forward({ctx, batch, attention})));
}

// Greedy continuation through the key-value cache; end of text is a token like any other.
inline std::vector<std::int32_t> greedy(const infer::LoadedModel& model,
                                        const std::vector<std::int32_t>& prompt,
                                        std::size_t count) {
  infer::GenerateOptions options;
  options.max_tokens = static_cast<std::int64_t>(count);
  options.ignore_end_of_text = true;
  return infer::generate(model, prompt, options).ids;
}

}  // namespace stemma::golden
