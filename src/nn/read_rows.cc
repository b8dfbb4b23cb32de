#include "nn/read_rows.h"

#include <utility>

#include "nn/batch_rows.h"

namespace stemma::nn {

ReadRows read_rows(const Batch& from, std::vector<std::int32_t> rows) {
  ReadRows read{std::move(rows), {}};
  Batch& to = read.batch;
  std::vector<std::int32_t> place(from.ids.size(), -1);
  to.offsets = {0};
  std::size_t next = 0;
  for (std::size_t b = 0; b + 1 < from.offsets.size(); ++b) {
    for (; next < read.rows.size() && read.rows[next] < from.offsets[b + 1]; ++next) {
      const auto row = static_cast<std::size_t>(read.rows[next]);
      place[row] = static_cast<std::int32_t>(next);
      append_token(from, row, to);
    }
    to.offsets.push_back(to.tokens());
  }
  keep_sequences(from, place, to);
  return read;
}

std::optional<ReadRows> read_by_heads(const Batch& batch) {
  if (batch.heads.empty() || !batch.targets.empty()) return std::nullopt;
  std::vector<bool> read(batch.ids.size());
  for (const HeadRows& head : batch.heads) {
    if (head.rows == 0) continue;
    if (head.of_sequences)  // the pooler takes the first token of every sequence
      for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b)
        read[static_cast<std::size_t>(batch.offsets[b])] = true;
    else
      for (const std::int32_t row : head.from) read[static_cast<std::size_t>(row)] = true;
  }
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < read.size(); ++i)
    if (read[i]) rows.push_back(static_cast<std::int32_t>(i));
  if (rows.empty() || rows.size() == read.size()) return std::nullopt;
  return read_rows(batch, std::move(rows));
}

}  // namespace stemma::nn
