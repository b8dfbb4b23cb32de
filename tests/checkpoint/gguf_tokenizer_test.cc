#include "checkpoint/gguf_tokenizer.h"

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/gguf.h"
#include "tests/checkpoint/gguf_writer.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

std::string smollm_fixture() { return STEMMA_SOURCE_DIR "/tests/text/fixtures/smollm"; }

std::string array_of(std::uint32_t type, const std::vector<std::string>& elements) {
  std::string bytes = u32(type) + u64(elements.size());
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

// The metadata that a converter makes of the tokenizer in tests/text/fixtures/smollm.
struct TokenizerKeys {
  std::string model = "gpt2", pre = "smollm";
  std::vector<std::string> tokens, types, merges;
  std::uint32_t eos = 2;

  TokenizerKeys() {
    const Json root = Json::parse(read_file(smollm_fixture() + "/tokenizer.json"), "t.json");
    for (const auto& [token, id] : root.at("model").at("vocab").as_object()) {
      tokens.resize(
          std::max<std::size_t>(tokens.size(), static_cast<std::size_t>(id.as_int()) + 1));
      tokens[static_cast<std::size_t>(id.as_int())] = text(token);
    }
    for (std::size_t id = 0; id < tokens.size(); ++id) types.push_back(u32(id < 4 ? 3 : 1));
    for (const Json& merge : root.at("model").at("merges").as_array())
      merges.push_back(
          text(merge.as_array()[0].as_string() + " " + merge.as_array()[1].as_string()));
  }

  std::string bytes() const {
    GgufBytes file;
    file.key("general.architecture", kString, text("llama"))
        .key("tokenizer.ggml.model", kString, text(model))
        .key("tokenizer.ggml.pre", kString, text(pre))
        .key("tokenizer.ggml.tokens", kArray, array_of(kString, tokens))
        .key("tokenizer.ggml.token_type", kArray, array_of(kI32, types))
        .key("tokenizer.ggml.merges", kArray, array_of(kString, merges))
        .key("tokenizer.ggml.bos_token_id", kU32, u32(1))
        .key("tokenizer.ggml.eos_token_id", kU32, u32(eos))
        .key("tokenizer.ggml.unknown_token_id", kU32, u32(0))
        .key("tokenizer.ggml.padding_token_id", kU32, u32(2))
        .key("tokenizer.ggml.add_bos_token", kBool, std::string(1, '\0'))
        .key("tokenizer.chat_template", kString, text("a template"));
    return file.bytes();
  }
};

class GgufTokenizer : public ::testing::Test {
 protected:
  std::shared_ptr<const Tokenizer> open(const std::string& bytes) const {
    put(folder_ / "m.gguf", bytes);
    return tokenizer_of(GgufReader(folder_ / "m.gguf").metadata());
  }

  ScratchFolder folder_;
};

// The file is closed when the tokenizer is used.
TEST_F(GgufTokenizer, IsTheOneThatWasConverted) {
  const auto tokenizer = open(TokenizerKeys().bytes());
  const auto original = open_tokenizer(smollm_fixture());
  std::vector<std::int32_t> ids, expected;
  const std::string sample = "In 1984  he wrote\n\n3 books (\x04) <|im_end|>";
  tokenizer->encode(sample, ids);
  original->encode(sample, expected);
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(tokenizer->special_tokens(), original->special_tokens());
  EXPECT_EQ(tokenizer->end_of_text(), 2);
  EXPECT_EQ(tokenizer->chat_template(), "a template");
}

TEST_F(GgufTokenizer, RefusesDamageWithTheNameOfTheFile) {
  TokenizerKeys other;
  other.model = "llama";
  expect_error(ErrorCode::unsupported, {"m.gguf", "'llama'"}, [&] { open(other.bytes()); });
  TokenizerKeys outside;
  outside.eos = 420;
  expect_error(ErrorCode::corrupt, {"m.gguf", "eos_token_id"}, [&] { open(outside.bytes()); });
  TokenizerKeys few;
  few.types.pop_back();
  expect_error(ErrorCode::corrupt, {"m.gguf", "419 types"}, [&] { open(few.bytes()); });
  // A token that claims 4 GB, of which the file has three bytes.
  TokenizerKeys claim;
  claim.tokens[300] = u64(std::uint64_t{4} << 30) + "abc";
  expect_error(ErrorCode::corrupt, {"m.gguf"}, [&] { open(claim.bytes()); });
  expect_error(ErrorCode::not_found, {"m.gguf", "tokenizer.ggml.model"}, [&] {
    open(GgufBytes().key("general.architecture", kString, text("llama")).bytes());
  });
}

}  // namespace
}  // namespace stemma::checkpoint
