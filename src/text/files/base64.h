// Base64 (RFC 4648, section 4), in which `.tiktoken` files write tokens. Private to text/.
//
//   std::string bytes;
//   decode_base64("IHRoZQ==", bytes);     // true; " the"
//   append_base64(" the", text);          // "IHRoZQ=="
//
// Pure functions: any thread, no errors.
#pragma once

#include <string>
#include <string_view>

namespace stemma::tokenizer_files {

// Replaces `bytes`. False where `text` is not base64 with its padding.
bool decode_base64(std::string_view text, std::string& bytes);

void append_base64(std::string_view bytes, std::string& text);

}  // namespace stemma::tokenizer_files
