#include "text/files/gguf_vocabulary.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/files/text_file.h"
#include "text/split/splitter.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::tokenizer_files {
namespace {

// llama.cpp's numbers (include/llama.h, llama_token_type).
constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

// As of every file of a tokenizer (text_file.h).
constexpr std::size_t kMaxGgufTokenBytes = 256u << 20;

class GgufVocabularyReader {
 public:
  explicit GgufVocabularyReader(const GgufVocabulary& gguf)
      : gguf_(gguf), builder_(gguf.where, {gguf.tokens.size(), gguf.merges.size()}) {}

  std::shared_ptr<const Tokenizer> read() {
    if (gguf_.model != "gpt2")
      refuse(
          fmt::format("the model of its tokenizer is {}, only gpt2, which is byte-level BPE, "
                      "can be read",
                      quoted(gguf_.model)));
    const split::Splitter& splitter = splitter_of_name();
    if (gguf_.adds_space)
      refuse("it adds a space before every text (tokenizer.ggml.add_space_prefix)");
    check_sizes();
    check_utf8(gguf_.chat_template, gguf_.where + ": tokenizer.chat_template");
    for (std::size_t id = 0; id < gguf_.tokens.size(); ++id) add_token(id);
    for (std::size_t rank = 0; rank < gguf_.merges.size(); ++rank) add_merge(rank);
    builder_.allow_missing_bytes();
    bpe::BpeVocabulary vocabulary = builder_.finish();
    const std::string eos_name = add_roles(vocabulary);
    vocabulary.chat_template = gguf_.chat_template;
    vocabulary.frame = bos_eos_frame(bpe::id_of_role(vocabulary, gguf_.adds_bos, "bos_token"),
                                     bpe::id_of_role(vocabulary, gguf_.adds_eos, "eos_token"));
    return bpe::make_bpe_tokenizer(std::move(vocabulary), splitter, eos_name);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::unsupported, fmt::format("[{}] {}", gguf_.where, what));
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", gguf_.where, what));
  }
  // Names of a file may be long, and anything.
  static std::string quoted(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    return fmt::format("'{}'{}", unicode::to_byte_alphabet(text.substr(0, kLongest)),
                       text.size() > kLongest ? "..." : "");
  }

  const split::Splitter& splitter_of_name() const {
    if (gguf_.pre == "gpt-2") return split::gpt2_splitter();
    if (gguf_.pre == "smollm") return split::smollm_splitter();
    if (gguf_.pre.empty())
      refuse(
          "it does not say how text is split (tokenizer.ggml.pre); convert the model again with "
          "a newer converter");
    refuse(
        fmt::format("its text is split as {} (tokenizer.ggml.pre), only gpt-2 and smollm can be "
                    "read",
                    quoted(gguf_.pre)));
  }

  void check_sizes() const {
    if (gguf_.tokens.empty()) fail("its tokenizer has no tokens (tokenizer.ggml.tokens)");
    if (gguf_.types.size() != gguf_.tokens.size())
      fail(
          fmt::format("it has {} tokens and {} types of tokens (tokenizer.ggml.token_type): there "
                      "must be one for each",
                      gguf_.tokens.size(), gguf_.types.size()));
    std::size_t bytes = 0;
    for (const auto* list : {&gguf_.tokens, &gguf_.merges})
      for (const std::string_view text : *list) {
        bytes += text.size();
        if (bytes > kMaxGgufTokenBytes)
          fail(fmt::format("its tokens and merges have more than {} bytes", kMaxGgufTokenBytes));
      }
  }

  std::string bytes_of(std::string_view text, const char* what, std::size_t number) const {
    const std::optional<std::string> bytes = unicode::from_byte_alphabet(text);
    if (!bytes)
      fail(fmt::format("{} {} {} has letters that stand for no byte", what, number, quoted(text)));
    return *bytes;
  }

  void add_token(std::size_t id) {
    const std::string_view text = gguf_.tokens[id];
    const auto number = static_cast<std::int64_t>(id);
    switch (gguf_.types[id]) {
      case kUserDefined:
        if (!bpe::has_special_form(text)) {
          check_utf8(text, fmt::format("{}: token {}", gguf_.where, id));
          builder_.add_added(text, number);
          return;
        }
        [[fallthrough]];
      case kControl:
        check_utf8(text, fmt::format("{}: token {}", gguf_.where, id));
        builder_.add_special(text, number);
        return;
      case kNormal:
      case kUnused:
        builder_.add_token(bytes_of(text, "token", id), number);
        return;
      default:
        refuse(
            fmt::format("token {} {} has type {}, only normal (1), control (3), user-defined "
                        "(4) and unused (5) tokens can be read",
                        id, quoted(text), gguf_.types[id]));
    }
  }

  void add_merge(std::size_t rank) {
    const std::string_view merge = gguf_.merges[rank];
    const std::size_t space = merge.find(' ');
    if (space == merge.npos)
      fail(fmt::format("merge {} {} must be two tokens with a space between", rank, quoted(merge)));
    builder_.add_merge(bytes_of(merge.substr(0, space), "the left part of merge", rank),
                       bytes_of(merge.substr(space + 1), "the right part of merge", rank));
  }

  // The name of the eos token, empty where there is none.
  std::string add_roles(bpe::BpeVocabulary& vocabulary) const {
    struct Role {
      const char *key, *name;
      std::optional<std::int64_t> id;
    };
    const Role roles[] = {{"bos", "bos_token", gguf_.bos},
                          {"eos", "eos_token", gguf_.eos},
                          {"unknown", "unk_token", gguf_.unknown},
                          {"padding", "pad_token", gguf_.pad}};
    const std::vector<bool> special = vocabulary.special_ids();
    for (const auto& [key, name, id] : roles) {
      if (!id) continue;
      if (*id < 0 || *id >= static_cast<std::int64_t>(gguf_.tokens.size()))
        fail(
            fmt::format("tokenizer.ggml.{}_token_id must be below {}, the number of tokens, it is "
                        "{}",
                        key, gguf_.tokens.size(), *id));
      // A token of ordinary text has no part to play here: text would yield it.
      if (special[static_cast<std::size_t>(*id)])
        vocabulary.roles[name] = static_cast<std::int32_t>(*id);
    }
    const auto eos = vocabulary.roles.find("eos_token");
    return eos == vocabulary.roles.end()
               ? std::string()
               : std::string(gguf_.tokens[static_cast<std::size_t>(eos->second)]);
  }

  const GgufVocabulary& gguf_;
  bpe::VocabularyBuilder builder_;
};

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_of(const GgufVocabulary& vocabulary) {
  return GgufVocabularyReader(vocabulary).read();
}

}  // namespace stemma::tokenizer_files
