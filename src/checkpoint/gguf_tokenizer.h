// The tokenizer that a GGUF file holds in its metadata.
//
//   const GgufReader file("SmolLM2-135M-Instruct.Q4_1.gguf");
//   std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(file.metadata());
//   save_tokenizer(*tokenizer, "models/smollm2");          // as Hugging Face has it
//
// The keys are those of llama.cpp: tokenizer.ggml.* and tokenizer.chat_template. What is read and
// what is refused: text/files/gguf_vocabulary.h.
#pragma once

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

}  // namespace stemma::checkpoint
