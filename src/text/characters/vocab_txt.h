// vocab.txt of character tokenizers: one token a line, its id is the number of the line from 0. A
// line is one of
//
//   a            a character as it is
//   <0x0A>       a byte, two digits in hexadecimal
//   <U+00A0>     a character by its code point, four to six digits in hexadecimal
//   <|name|>     a special token: anything longer in angle brackets
//
// Written as bytes: everything below "!" and above "~"; as code points: white space, control
// characters and byte order marks. All 256 bytes must be there, in any order. Lines end with LF or
// CRLF; UTF-8 without a byte order mark.
//
//   auto tokenizer = parse_vocab_txt(read_file("vocab.txt"), "vocab.txt");
//
// The parser takes any bytes: it throws corrupt, naming file and line, for what is damaged, and
// unsupported for a WordPiece vocabulary (BERT's vocab.txt, wordpiece/files.h). Any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/characters/char_tokenizer.h"

namespace stemma::characters {

// Documents are separated by the special token `eos_name` or, where that is empty or unknown, by
// <|endoftext|> if there is one.
std::shared_ptr<const CharTokenizer> parse_vocab_txt(std::string_view text,
                                                     const std::string& where,
                                                     std::string_view eos_name = {});

// The file is whole or absent. Throws unsupported where an id has no token or a special token is
// not written <...>; device.
void save_vocab_txt(const CharTokenizer& tokenizer, const std::filesystem::path& path);

// Of "<0x0A>" or "<U+000A>" the bytes that it means; nothing for any other text.
std::string escaped_bytes(std::string_view token);
// "<0x0A>"
std::string byte_name(char byte);

}  // namespace stemma::characters
