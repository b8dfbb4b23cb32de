#include "checkpoint/gguf_source.h"

#include <cstring>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "models/model.h"

namespace stemma::checkpoint {
namespace {

// Rows of heads whose rotated pairs lie in neighbouring rows, put D/2 rows apart:
// row (head, j · D/2 + i) of `to` is row (head, 2 i + j) of `from`, j = 0, 1.
void separate_pairs(const Tensor& from, std::int64_t heads, float* to) {
  const std::int64_t size = from.rows() / heads, columns = from.cols();
  const float* rows = from.data<float>();
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t d = 0; d < size; ++d) {
      const std::int64_t half = size / 2, row = head * size + 2 * (d % half) + d / half;
      std::memcpy(to + (head * size + d) * columns, rows + row * columns,
                  static_cast<std::size_t>(columns) * sizeof(float));
    }
}

}  // namespace

GgufSource::GgufSource(const std::filesystem::path& path) : file_(path) {
  const GgufMetadata& metadata = file_.metadata();
  const std::string architecture(metadata.string("general.architecture"));
  const ImportRules* rules = find_gguf_rules(architecture);
  if (!rules)
    refuse_config(path.string(), fmt::format("a GGUF file of architecture {} cannot be read; "
                                             "llama is the one that can",
                                             in_quotes(architecture)));
  config_.model.family = rules->family;
  try {
    rules->gguf->read_config(file_, config_);
    // Before anything grows with the number of layers that the metadata claim.
    if (static_cast<std::uint64_t>(config_.model.layers) > file_.tensors().size())
      contradiction(fmt::format("there are {} layers, but only {} tensors", config_.model.layers,
                                file_.tensors().size()));
    config_.model.validate();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument) throw;
    contradiction(error.what());  // a value that a caller may not pass is, in a file, damage
  }
  const auto token = [&](const char* key) -> std::optional<std::int64_t> {
    if (!metadata.find(key)) return std::nullopt;
    const std::int64_t id = metadata.integer(key);
    return id >= 0 && id < config_.model.vocab ? std::optional(id) : std::nullopt;
  };
  config_.bos_token = token("tokenizer.ggml.bos_token_id");
  config_.eos_token = token("tokenizer.ggml.eos_token_id");
  config_.pad_token = token("tokenizer.ggml.padding_token_id");
  collect(*rules->gguf);
}

void GgufSource::contradiction(const std::string& what) const {
  throw Error(ErrorCode::corrupt,
              fmt::format("[gguf] {}: metadata and tensors contradict each other: {}",
                          file_.path().string(), what));
}

void GgufSource::check(const FileTensor& wanted) const {
  const GgufTensor* tensor = file_.find(wanted.name);
  if (!tensor) contradiction(fmt::format("tensor {} is missing", in_quotes(wanted.name)));
  std::vector<std::int64_t> shape;
  for (int i = 0; i < tensor->shape.rank(); ++i) shape.push_back(tensor->shape[i]);
  if (shape != wanted.shape)
    contradiction(fmt::format("tensor {} is {}, the metadata need {}", in_quotes(wanted.name),
                              shape_text(shape), shape_text(wanted.shape)));
  if (!tensor->type->readable())
    throw Error(ErrorCode::unsupported,
                fmt::format("[gguf] {}: tensor {} is {}, which cannot be read; {} can",
                            file_.path().string(), in_quotes(wanted.name), tensor->type->name,
                            readable_block_types()));
}

void GgufSource::collect(const GgufRules& rules) {
  std::set<std::string_view> known;
  for (const nn::ParameterSpec& spec : parameters_of(config_.model)) {
    Item& item = items_.emplace(spec.name, Item{spec, rules.files(spec)}).first->second;
    for (const FileTensor& tensor : item.tensors) {
      check(tensor);
      known.insert(tensor.name);
    }
  }
  for (const GgufTensor& tensor : file_.tensors())
    if (!known.contains(tensor.name))
      contradiction(fmt::format("tensor {} has no place in the model", in_quotes(tensor.name)));
}

Weight GgufSource::load(const nn::ParameterSpec& spec) {
  const auto found = items_.find(spec.name);
  if (found == items_.end() || found->second.spec.shape != spec.shape)
    throw Error(ErrorCode::not_found,
                fmt::format("[gguf] {}: the model has no parameter {} of shape {}",
                            file_.path().string(), in_quotes(spec.name), spec.shape.to_string()));
  const std::vector<FileTensor>& tensors = found->second.tensors;
  if (tensors.size() == 1 && tensors.front().interleaved_heads == 0) {
    const Memory memory = spec.role == nn::Role::vector ? Memory::own : Memory::shared;
    return Weight(file_.read(file_.at(tensors.front().name), memory));
  }
  Tensor whole = Tensor::empty(spec.shape, DType::f32);
  float* to = whole.data<float>();
  for (const FileTensor& tensor : tensors) {
    const Tensor part = file_.read(file_.at(tensor.name), Memory::own);
    if (tensor.interleaved_heads > 0)
      separate_pairs(part, tensor.interleaved_heads, to);
    else
      std::memcpy(to, part.raw(), static_cast<std::size_t>(part.elements()) * sizeof(float));
    to += part.elements();
  }
  return Weight(std::move(whole));
}

}  // namespace stemma::checkpoint
