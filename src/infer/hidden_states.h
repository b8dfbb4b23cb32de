// The states that a model computes for texts, and vectors of texts made from them.
//
//   const Tensor h = hidden_states(model, batch_of_ids({101, 7592, 102}));    // [3, C]
//   const TextEmbedder embedder(model, Pooling::of_folder(model.path(), model.config()));
//   const TextVector v = embedder.embed({"a first text", "another"}).front(); // v.values: [C]
//
// A model reads whole texts, several at once, without padding; what it makes of one does not depend
// on the others. Any member of the family: a decoder's states are pooled as an encoder's are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "infer/loaded_model.h"
#include "tensor/batch.h"

namespace stemma::infer {

// One sequence from position 0. `segments`: one for each id, or none.
Batch batch_of_ids(std::vector<std::int32_t> ids, std::vector<std::int32_t> segments = {});

// The states after the last block and the final norm, [N, C] f32. Throws invalid_argument for an
// empty sequence, one longer than the context, an id or a segment that the model does not have.
Tensor hidden_states(const LoadedModel& model, const Batch& batch);

// How the states of a text become one vector, as sentence-transformers describes it in the folder
// of a model (Reimers and Gurevych 2019, 3).
struct Pooling {
  enum class Kind : std::uint8_t {
    mean,  // of all tokens
    cls,   // the first token's
    max    // in each column the largest
  };
  Kind kind = Kind::mean;
  bool normalize = true;        // to length 1
  std::int64_t max_tokens = 0;  // of a text, special ones included; longer ones are cut

  // What modules.json, the pooling's config.json and sentence_bert_config.json say; without them
  // the mean, normalised, of as many tokens as the context holds. Throws corrupt, and unsupported
  // naming the module or the key that would give other vectors.
  static Pooling of_folder(const std::filesystem::path& folder, const ModelConfig& config);
  // The same of files wherever they are: `read` gives the text of one ("1_Pooling/config.json"),
  // nothing where it is missing.
  using ReadFile = std::function<std::optional<std::string>(const std::string& name)>;
  static Pooling of_files(const ReadFile& read, const ModelConfig& config);
};

// The files that sentence-transformers keeps beside a model and Pooling reads, as names in
// `folder`: a copy of the model with them gives the same vectors. Throws corrupt for a modules.json
// that is no list of modules.
std::vector<std::filesystem::path> pooling_files(const std::filesystem::path& folder);

struct TextVector {
  std::vector<float> values;    // [C]
  std::int64_t tokens = 0;      // that were read, special ones included
  std::int64_t cut_tokens = 0;  // at the end of the text, that were not
};

class TextEmbedder {
 public:
  // Throws not_found where the model has no tokenizer. `model` must outlive it.
  TextEmbedder(const LoadedModel& model, const Pooling& pooling);

  const Pooling& pooling() const { return pooling_; }
  // Tokens of a text that are read, without what stands around it; more are cut.
  std::int64_t most_tokens() const;
  // Throws invalid_argument for a text without a token.
  std::vector<TextVector> embed(std::span<const std::string> texts) const;
  // The same of texts that are token ids already, without what stands around a text.
  std::vector<TextVector> embed_ids(std::vector<std::vector<std::int32_t>> texts) const;

 private:
  std::vector<std::int32_t> framed(std::vector<std::int32_t> ids, TextVector& vector) const;
  void pool(const Tensor& states, TextVector& vector) const;

  const LoadedModel& model_;
  Pooling pooling_;
};

}  // namespace stemma::infer
