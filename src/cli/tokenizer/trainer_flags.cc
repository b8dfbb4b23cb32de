#include "cli/tokenizer/trainer_flags.h"

#include <filesystem>

#include <fmt/format.h>

#include "cli/model_flags.h"
#include "cli/output.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

const split::Splitter& splitter_of(const TrainerFlags& o) {
  const split::NumberCut cut = o.digits == "single"   ? split::NumberCut::single
                               : o.digits == "triple" ? split::NumberCut::triple
                                                      : split::NumberCut::published;
  return split::splitter_named(o.split, cut);
}

// The folder that exists already and will hold `output`: its disk has room for what is asked.
fs::path existing_parent(const std::string& output) {
  fs::path folder = fs::absolute(output);
  while (!fs::is_directory(folder) && folder != folder.parent_path()) folder = folder.parent_path();
  return folder;
}

void declare_text_rules(TrainerFlags& flags, OptionSet& options) {
  options.add_choice(
      {"kind", "what has ids: pieces of words (bpe), characters and bytes, or bytes only",
       "characters"},
      flags.kind, {"bpe", "characters", "bytes"});
  options.add_choice({"split", "the pattern that cuts text into pieces", "cl100k"}, flags.split,
                     split::splitter_names());
  options.add_choice(
      {"digits",
       fmt::format("how that pattern's runs of numbers are cut: as it has them ({}: never, the "
                   "others: after three), each number alone, or after three",
                   split::splitter_names().front()),
       "single"},
      flags.digits, {"keep", "single", "triple"});
  options.add(
      {"lowercase", "put all text in lower case, for good: decoding does not undo it", "true"},
      flags.lowercase);
  options.add(
      {"special_token", "names of tokens beside <|endoftext|> that text never yields", "<|user|>"},
      flags.special_token);
}

}  // namespace

BpeTrainerOptions TrainerFlags::options() const {
  BpeTrainerOptions result{.vocab_size = static_cast<std::int32_t>(vocab_size),
                           .min_frequency = static_cast<std::uint64_t>(min_frequency),
                           .splitter = &splitter_of(*this),
                           .lowercase = lowercase,
                           .memory_bytes = static_cast<std::uint64_t>(memory_bytes),
                           .spill_folder = existing_parent(output)};
  result.special_tokens.insert(result.special_tokens.end(), special_token.begin(),
                               special_token.end());
  return result;
}

void declare(TrainerFlags& flags, OptionSet& options) {
  options.add_path(
      {"input", "text files, JSON lines, folders of them, - for standard input; .gz and .zst too",
       "book.txt"},
      flags.input);
  options.add(
      {"vocab_size", "tokens wanted: 256 bytes, the merges, and the special tokens", "4096"},
      flags.vocab_size, {257, 1 << 24});
  options.add({"min_frequency", "a pair must occur this often to be merged", "2"},
              flags.min_frequency, {1, 1'000'000'000});
  declare_text_rules(flags, options);
  options.add({"memory_bytes", "for words and pairs, beside the documents in work", "4e9"},
              flags.memory_bytes, {16 << 20, std::int64_t{1} << 50});
  declare(flags.documents, options);
  options.add_folder({"output", "the folder to write; created where it is missing", "tokenizer"},
                     flags.output);
  declare_threads(flags.threads, options);
  declare_json(flags.json, options);
}

}  // namespace stemma::cli
