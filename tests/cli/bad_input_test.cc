// Bad input of every kind: the documented exit code, one clear line, nothing on standard output.
#include "tests/cli/program.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

void expect_error(const Arguments& arguments, int code, const std::string& says) {
  const Result r = run(arguments);
  const std::string what = ::testing::PrintToString(arguments);
  EXPECT_EQ(r.code, code) << what << "\n" << r.err;
  EXPECT_EQ(r.signal, 0) << what;
  EXPECT_TRUE(r.out.empty()) << what << "\n" << r.out;
  const std::size_t line = r.err.rfind("stemma: ");
  ASSERT_NE(line, r.err.npos) << what << "\n" << r.err;
  EXPECT_EQ(r.err.find('\n', line), r.err.size() - 1) << r.err;  // the last line
  EXPECT_NE(r.err.find(says), r.err.npos) << what << "\nexpected: " << says << "\ngot: " << r.err;
}

TEST(Usage, UnknownWordsAreErrorsThatHelp) {
  expect_error({"trian"}, 2, "did you mean 'train'?");
  expect_error({"tokenizer", "encod"}, 2, "did you mean 'encode'?");
  expect_error({"tokenizer"}, 2, "train, encode, decode");
  expect_error({"generate", "--model", "x", "--max-token", "3"}, 2, "did you mean '--max-tokens'?");
  expect_error({"train", "--run", "x", "--learning_rate", "1"}, 2,
               "did you mean '--learning-rate'?");
  expect_error({"train", "--run", "x", "--nonsense=1"}, 2,
               "unknown option --nonsense; `stemma train --help`");
  expect_error({"--versoin"}, 2, "unknown option");
  expect_error({"generate", "--model"}, 2, "[generate] --model needs a value");
  expect_error({"train", "--run", "x", "--resume"}, 2,
               "--resume needs a value, one of never, auto");
  expect_error({"eval", "--model", "x"}, 2, "for example `stemma eval perplexity --model ...`");
  expect_error({"generate", "-p", "a"}, 2, "unknown option -p; see --prompt");
  expect_error({"train", "--run", "x", "--batch-size", "4"}, 2, "see --batch");
  expect_error({"train", "--run", "x", "--epochs", "4"}, 2, "see --steps");
  expect_error({"generate", "--model", "gpt2", "--prompt", "a"}, 3, "not shipped");
  expect_error({"info", "--tokenizer", "cl100k"}, 3, "did you mean 'cl100k_base'?");
  expect_error({"generate", "--prompt", "a"}, 2, "--model is missing");
  expect_error({"generate", "--model", "a", "b"}, 2, "'b'");
  expect_error({"generate", "--model", "a", "--seed", "1", "--seed", "2"}, 2,
               "--seed is there 2 times: give it once");
  expect_error({"generate", "--model", "a", "--temperature", "hot"}, 2,
               "--temperature must be a number");
  expect_error({"generate", "--model", "a", "--precision", "fp8"}, 2, "one of auto, f32, bf16");
}

// A run would lose what it has trained.
TEST(Convert, WritesIntoNoRunAndNoCheckpoint) {
  const TemporaryFolder folder;
  for (const char* name : {"recipe.toml", "state.json"}) {
    const fs::path run = fs::path(folder / name).string() + "-run";
    fs::create_directories(run);
    write_text((run / name).string(), "");
    expect_error({"convert", "--from", "gpt2", "--to", run.string(), "--overwrite"}, 2,
                 "training run or one of its checkpoints");
  }
  expect_error({"convert", "--from", folder / "nothing", "--to", folder / "new"}, 3, "nothing");
  EXPECT_FALSE(fs::exists(folder / "new"));
}

TEST(Recipes, BadOnesNameFileLineAndKey) {
  const TemporaryFolder folder;
  const auto with = [&](const std::string& text, int code, const std::string& says) {
    write_text(folder / "r.toml", text);
    expect_error({"train", folder / "r.toml", "--run", folder / "run"}, code, says);
    EXPECT_FALSE(fs::exists(folder / "run"));
  };
  with("stepz = 3\n", 2, "did you mean 'steps'?");
  with("depth = 2\nsteps = \"many\"\n", 2, "line 2: steps must be an integer");
  with("run = \"elsewhere\"\n", 2, "unknown key 'run'");
  with("steps = = 3\n", 3, "line 1");
  with("data = [\"\xff\xfe\"]\n", 3, "r.toml");
  with("steps = 0\n", 2, "steps must be");
  expect_error({"train", folder / "missing.toml", "--run", folder / "run"}, 3, "missing.toml");
}

TEST(Training, ImpossibleSizesAndEmptyData) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 60);
  const auto with = [&](Arguments more, int code, const std::string& says) {
    Arguments all = {"train",   "--run", folder / "run", "--tokenizer", folder / "tokenizer",
                     "--steps", "1"};
    all.insert(all.end(), more.begin(), more.end());
    expect_error(all, code, says);
  };
  const std::string text = folder / "text.txt";
  with({"--data", text, "--depth", "100000"}, 2, "--depth must be an integer from");
  with({"--data", text, "--depth", "1", "--batch", "4", "--micro-batch", "3"}, 2,
       "multiple of micro_batch");
  with({"--data", text, "--depth", "1", "--model", "gpt2"}, 2, "either --model");
  with({"--data", text}, 2, "either --model");
  with({"--depth", "1"}, 2, "no data");
  with({"--data", folder / "absent.txt", "--depth", "1"}, 3, "absent.txt");
  with({"--data", text, "--model", "gpt9"}, 3, "gpt2");
  write_text(folder / "recipe.toml", "depth = 1\n");
  with({"--depth", "1", "--data", text, folder / "recipe.toml"}, 3, "stemma train RECIPE.toml");
  write_text(folder / "empty.txt", "");
  with({"--data", folder / "empty.txt", "--depth", "1"}, 3, "empty");
  // More context than there is text.
  with({"--data", text, "--depth", "1", "--sequence-length", "100000"}, 3, "token");
  expect_error({"tokenizer", "train", "--input", folder / "empty.txt", "--output", folder / "t"}, 3,
               "no text");
  expect_error(
      {"tokenizer", "train", "--input", text, "--vocab-size", "12", "--output", folder / "t"}, 2,
      "--vocab-size must be");
  expect_error({"data", "pack", "--input", folder / "empty.txt", "--output", folder / "p"}, 3,
               "empty");
}

TEST(Training, AFolderWithARunIsNotTouched) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 100);
  ASSERT_EQ(run(train_arguments(folder.path(), "run", 2)).code, 0);
  const std::string metrics = read_text(folder / "run/metrics.jsonl");
  expect_error(train_arguments(folder.path(), "run", 2), 2, "--resume auto");
  expect_error({"train", "--run", folder / "none", "--resume", "auto"}, 3, "no run to go on with");
  // A process that was killed while it wrote its first checkpoint.
  Arguments killed = train_arguments(folder.path(), "killed", 2);
  std::filesystem::create_directories(folder.path() / "killed/checkpoints/step-00000001.partial");
  killed.insert(killed.end(), {"--resume", "auto"});
  EXPECT_EQ(run(killed).code, 0);
  Arguments other = train_arguments(folder.path(), "run", 3);
  other.insert(other.end(), {"--resume", "auto"});
  expect_error(other, 2, "steps: was 2, is 3");
  EXPECT_EQ(read_text(folder / "run/metrics.jsonl"), metrics);
}

// The checkpoint knows the recipe that it began with, whatever became of the file.
TEST(Training, AnEditedRecipeIsNotGoneOnWith) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 100);
  ASSERT_EQ(run(train_arguments(folder.path(), "run", 2)).code, 0);
  std::string recipe = read_text(folder / "run/recipe.toml");
  const auto edit = [&](const std::string& from, const std::string& to) {
    const std::size_t at = recipe.find(from);
    ASSERT_NE(at, recipe.npos) << recipe;
    recipe.replace(at, from.size(), to);
    write_text(folder / "run/recipe.toml", recipe);
  };
  const Arguments on = {"train", "--run", folder / "run", "--resume", "auto"};
  edit("recompute = 0", "recompute = 1");  // does not change results
  EXPECT_EQ(run(on).code, 0);
  recipe = read_text(folder / "run/recipe.toml");
  edit("weight_decay = 0.1", "weight_decay = 0.2");
  expect_error(on, 2, "weight_decay: was 0.1, is 0.2");
}

// A copy of a small GPT-2 that each test damages.
class Damaged : public ::testing::Test {
 protected:
  Damaged() { fs::copy(fixture("gpt2-random"), model_); }

  std::string weights() const { return read_text(model_ / "model.safetensors"); }
  void expect(const std::string& says) const {
    for (const Arguments& arguments :
         {Arguments{"generate", "--model", model_, "--ids", "1"},
          Arguments{"logits", "--model", model_, "--ids", "1", "--output", folder_ / "l"},
          Arguments{"info", "--model", model_, "--json"}})
      expect_error(arguments, 3, says);
  }
  // Replaces the first `from` of a file by `to`.
  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read_text(model_ / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    write_text(model_ / file, text.replace(at, from.size(), to));
  }

  TemporaryFolder folder_;
  fs::path model_ = folder_ / "model";
};

TEST_F(Damaged, TruncatedWeights) {
  const std::string all = weights();
  write_text(model_ / "model.safetensors", all.substr(0, all.size() - 100));
  expect("model.safetensors");
  write_text(model_ / "model.safetensors", all.substr(0, 5));
  expect("model.safetensors");
}

TEST_F(Damaged, OversizedHeader) {
  std::string all = weights();
  for (std::size_t i = 0; i < 8; ++i) all[i] = '\x7f';
  write_text(model_ / "model.safetensors", all);
  expect("header");
}

// The place of a tensor's "[begin,end]" in the file.
std::pair<std::size_t, std::size_t> offsets_of(const std::string& file, const std::string& name) {
  const std::string key = "\"data_offsets\":";
  const std::size_t at = file.find(key, file.find("\"" + name + "\"")) + key.size();
  return {at, file.find(']', at) + 1 - at};
}

TEST_F(Damaged, OverlappingOffsets) {
  std::string all = weights();
  const auto first = offsets_of(all, "transformer.h.0.ln_1.weight");
  const auto second = offsets_of(all, "transformer.h.2.ln_1.weight");
  std::string same = all.substr(first.first, first.second);
  ASSERT_EQ(same.front(), '[');
  ASSERT_LE(same.size(), second.second);
  same.resize(second.second, ' ');
  write_text(model_ / "model.safetensors", all.replace(second.first, second.second, same));
  expect("overlap");
}

TEST_F(Damaged, WrongShape) {
  edit("model.safetensors", "\"shape\":[211,27]", "\"shape\":[27,211]");
  expect("[27, 211]");
}

TEST_F(Damaged, ConfigAgainstWeights) {
  edit("config.json", "\"n_embd\": 27", "\"n_embd\": 30");
  expect("[");  // shapes stand in brackets
  edit("config.json", "\"n_embd\": 30", "\"n_embd\": 27");
  edit("config.json", "\"n_layer\": 3", "\"n_layer\": 4");
  expect("h.3.");
  edit("config.json", "\"n_layer\": 4", "\"n_layer\": 2");
  expect("h.2.");
  edit("config.json", "\"n_layer\": 2", "\"n_layer\": -2");
  expect("config.json");
  edit("config.json", "\"n_layer\": -2", "\"n_layer\": \"x\"");
  expect("config.json");
}

TEST_F(Damaged, InvalidUtf8AndBrokenJson) {
  edit("config.json", "\"gelu_new\"", "\"gelu\xff\"");
  expect("config.json");
  edit("config.json", "\"gelu\xff\"", "\"gelu_new\"");
  edit("config.json", "{", "{{");
  expect("config.json");
  fs::remove(model_ / "config.json");
  expect("config.json");
}

TEST_F(Damaged, PromptsThatDoNotFit) {
  std::string ids = "1";
  for (int i = 0; i < 37; ++i) ids += ",1";
  expect_error({"generate", "--model", model_, "--ids", ids}, 2, "the model's context holds 37");
  expect_error({"logits", "--model", model_, "--ids", ids, "--output", folder_ / "l"}, 2,
               "1 to 37 ids");
  expect_error({"logits", "--model", model_, "--ids", "1,2,x", "--output", folder_ / "l"}, 2,
               "'1,2,x'");
  expect_error({"logits", "--model", model_, "--ids", "", "--output", folder_ / "l"}, 2, "ids");
  expect_error({"logits", "--model", model_, "--ids", "211", "--output", folder_ / "l"}, 2,
               "outside");
  expect_error({"generate", "--model", model_, "--ids", "1", "--prompt", "x"}, 2,
               "one of --prompt");
  expect_error({"generate", "--model", model_, "--prompt", "x"}, 3, "has no tokenizer");
  expect_error({"generate", "--model", model_, "--tokenizer", "gpt2", "--prompt", "x"}, 3, "50257");
  expect_error({"bench", "decode", "--model", model_, "--seq", "37"}, 2, "at most 36");
  EXPECT_FALSE(fs::exists(folder_ / "l"));
  // The whole context at once is no error.
  EXPECT_EQ(
      run({"logits", "--model", model_, "--ids", ids.substr(2), "--output", folder_ / "l"}).code,
      0);
}

TEST_F(Damaged, MoreMemoryThanThereIs) {
  edit("config.json", "\"n_embd\": 27", "\"n_embd\": 1048576");
  edit("config.json", "\"n_head\": 3", "\"n_head\": 4096");
  expect_error({"bench", "decode", "--model", model_ / "config.json", "--seq", "4"}, 4,
               "memory is free");
}

TEST(Files, MissingEmptyAndForeign) {
  const TemporaryFolder folder;
  write_text(folder / "text", "some text");
  write_text(folder / "empty", "");
  expect_error({"generate", "--model", folder / "none", "--prompt", "x"}, 3, "none");
  expect_error({"generate", "--model", folder.path(), "--prompt", "x"}, 3, "config.json");
  expect_error({"eval", "perplexity", "--model", fixture("gpt2-random"), "--text", folder / "none"},
               3, "none");
  expect_error({"tokenizer", "encode", "--tokenizer", "gtp2", "--input", folder / "text",
                "--output", folder / "o"},
               3, "gtp2");
  expect_error({"tokenizer", "decode", "--tokenizer", "gpt2", "--input", folder / "text"}, 3,
               ".npy");
  expect_error({"tokenizer", "encode", "--tokenizer", "gpt2", "--input", folder / "text",
                "--output", folder / "no/such/folder.npy"},
               4, "folder");
  expect_error({"data", "inspect", folder / "none"}, 3, "none");
  expect_error({"data", "inspect", folder / "empty"}, 3, "no text");
}

TEST(Files, DamagedPackedData) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 100);
  ASSERT_EQ(run({"data", "pack", "--input", folder / "text.txt", "--tokenizer",
                 folder / "tokenizer", "--output", folder / "packed"})
                .code,
            0);
  for (const auto& entry : fs::directory_iterator(folder / "packed")) {
    if (entry.path().extension() != ".tokens") continue;
    std::string bytes = read_text(entry.path());
    bytes[40] = static_cast<char>(bytes[40] ^ 1);
    write_text(entry.path(), bytes);
  }
  expect_error({"data", "inspect", folder / "packed"}, 3, ".tokens");
  expect_error({"train", "--run", folder / "run", "--data", folder / "packed", "--depth", "1"}, 3,
               ".tokens");
}

}  // namespace
}  // namespace cli_test
