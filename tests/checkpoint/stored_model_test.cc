#include "checkpoint/stored_model.h"

#include "tests/checkpoint/support.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

// The bytes, and special tokens behind them.
std::shared_ptr<const Tokenizer> bytes_and(const std::vector<std::string>& specials,
                                           const std::string& added = "") {
  bpe::VocabularyBuilder builder("test", {specials.size() + 257, 0});
  std::int64_t id = 0;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    builder.add_token(std::string(1, static_cast<char>(byte)), id++);
  for (const std::string& name : specials) builder.add_special(name, id++);
  if (!added.empty()) builder.add_added(added, id);
  return bpe::make_bpe_tokenizer(builder.finish(), split::gpt2_splitter(), specials.front());
}

// A pad token that was added behind the embedding is never written by text.
TEST(RequireFitting, SpecialTokensMayBeBeyondTheModel) {
  ModelConfig config;
  config.vocab = 257;
  EXPECT_NO_THROW(require_fitting(*bytes_and({"<end>"}), config, "m"));
  EXPECT_NO_THROW(require_fitting(*bytes_and({"<end>", "<pad>"}), config, "m"));
  const auto refuse = [&](const std::shared_ptr<const Tokenizer>& tokenizer) {
    expect_error(ErrorCode::corrupt, {"do not belong together", "m"},
                 [&] { require_fitting(*tokenizer, config, "m"); });
  };
  refuse(bytes_and({"<end>", "<pad>"}, "gadget"));  // text yields it
  config.vocab = 256;
  refuse(bytes_and({"<end>"}));  // the token between texts
  config.vocab = 200;
  refuse(bytes_and({"<end>"}));
}

}  // namespace
}  // namespace stemma::checkpoint
