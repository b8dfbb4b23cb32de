// The tokenizer that a GGUF file holds in its metadata.
//
//   const GgufReader file("SmolLM2-135M-Instruct.Q4_1.gguf");
//   std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(file.metadata());
//   save_tokenizer(*tokenizer, "models/smollm2");          // as Hugging Face has it
//
// The keys are those of llama.cpp: tokenizer.ggml.* and tokenizer.chat_template. What is read and
// what is refused: text/files/gguf_vocabulary.h.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "checkpoint/gguf_metadata.h"
#include "text/tokenizer.h"

namespace stemma::checkpoint {

// Keeps nothing of the file. Throws not_found (the metadata have no tokenizer), corrupt and
// unsupported, with the name of the file.
std::shared_ptr<const Tokenizer> tokenizer_of(const GgufMetadata& metadata);

// What --tokenizer means: as open_tokenizer(), and *.gguf, and a run folder (the tokenizer of its
// newest model).
std::shared_ptr<const Tokenizer> tokenizer_from(const std::string& source);

// The tokenizer in the files of a model folder, a run folder or a GGUF file; null where `model` is
// none of these, or a folder without one. Throws as tokenizer_from().
std::shared_ptr<const Tokenizer> tokenizer_of_model(const std::filesystem::path& model);

// Logs a warning where `given`, which a user named, is another tokenizer than the model's own: its
// ids mean other tokens there. A user may name one because the model's own cannot be read: then
// there is nothing to compare.
void warn_of_other_tokenizer(const Tokenizer& given, const std::filesystem::path& model);

}  // namespace stemma::checkpoint
