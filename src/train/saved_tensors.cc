#include "train/saved_tensors.h"

#include <cstring>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::train {

void put_back(const std::vector<checkpoint::NamedTensor>& saved,
              const std::vector<checkpoint::NamedTensor>& into) {
  std::unordered_map<std::string_view, const Tensor*> by_name;
  for (const checkpoint::NamedTensor& item : saved) by_name.emplace(item.name, &item.tensor);
  for (const auto& [name, tensor, transposed] : into) {
    const auto found = by_name.find(name);
    if (found == by_name.end() || found->second->shape() != tensor.shape())
      throw Error(
          ErrorCode::corrupt,
          fmt::format("[resume] the checkpoint's optimizer state has no '{}' of shape {}: it "
                      "belongs to another model",
                      name, tensor.shape().to_string()));
    std::memcpy(tensor.raw(), found->second->raw(),
                static_cast<std::size_t>(tensor.elements()) * sizeof(float));
  }
}

}  // namespace stemma::train
