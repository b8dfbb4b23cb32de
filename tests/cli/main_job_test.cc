// Text in, text out through the real binary.
#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;

std::uint32_t u32_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value * 256 + static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The ids of a .npy file, by the format's own words: magic, version, header size, dictionary, data.
std::vector<std::int32_t> npy_ids(const std::filesystem::path& path) {
  const std::string file = read_text(path);
  EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t header =
      static_cast<unsigned char>(file[8]) + 256u * static_cast<unsigned char>(file[9]);
  EXPECT_EQ((10 + header) % 64, 0u);
  const std::string dictionary = file.substr(10, header);
  EXPECT_NE(dictionary.find("'descr': '<u4'"), dictionary.npos) << dictionary;
  EXPECT_NE(dictionary.find("'fortran_order': False"), dictionary.npos);
  EXPECT_EQ(dictionary.back(), '\n');
  const std::size_t count = (file.size() - 10 - header) / 4;
  EXPECT_NE(dictionary.find("'shape': (" + std::to_string(count) + ",)"), dictionary.npos)
      << dictionary;
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(static_cast<std::int32_t>(u32_at(file, 10 + header + 4 * i)));
  return ids;
}

std::vector<std::int32_t> ids_of(const Json& json) {
  std::vector<std::int32_t> ids;
  for (const Json& id : json.as_array()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
  return ids;
}

std::string join(const std::vector<std::int32_t>& ids) {
  std::string text;
  for (const std::int32_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

struct Logits {
  std::int64_t rows = 0, columns = 0;
  std::vector<float> values;
  const float* row(std::int64_t t) const { return values.data() + t * columns; }
};

Logits logits_of(const std::filesystem::path& folder, const std::filesystem::path& model,
                 const std::vector<std::int32_t>& ids) {
  const Result r = run({"logits", "--model", model, "--ids", join(ids), "--precision", "f32",
                        "--output", folder / "logits.safetensors", "--json"});
  EXPECT_EQ(r.code, 0) << r.err;
  const stemma::checkpoint::SafetensorsReader file(folder / "logits.safetensors");
  const stemma::Tensor t = file.read(file.at("logits"), stemma::checkpoint::Memory::own);
  return {t.dim(0), t.dim(1), {t.data<float>(), t.data<float>() + t.elements()}};
}

TEST(Tokenizer, EncodeAndDecodeAreInverseOnAnyBytes) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  std::string bytes = "caf\xc3\xa9 \xf0\x9f\x8c\xb3 <|endoftext|>\r\n";
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  write_text(folder / "in", bytes);
  const Result r = run({"tokenizer", "encode", "--tokenizer", folder / "tokenizer", "--input",
                        folder / "in", "--output", folder / "ids.npy", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const auto ids = npy_ids(folder / "ids.npy");
  EXPECT_EQ(r.json().at("tokens").as_int(), static_cast<std::int64_t>(ids.size()));
  for (const std::int32_t id : ids) EXPECT_LT(id, 299);  // the last one is <|endoftext|>
  const Result back = run(
      {"tokenizer", "decode", "--tokenizer", folder / "tokenizer", "--input", folder / "ids.npy"});
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(back.out, bytes);
}

TEST(Tokenizer, PublishedIdsAndAnEmptyFile) {
  const TemporaryFolder folder;
  write_text(folder / "hello", "Hello world");
  write_text(folder / "empty", "");
  for (const char* name : {"hello", "empty"}) {
    const Result r = run({"tokenizer", "encode", "--tokenizer", "gpt2", "--input", folder / name,
                          "--output", folder / (std::string(name) + ".npy")});
    ASSERT_EQ(r.code, 0) << r.err;
  }
  EXPECT_EQ(npy_ids(folder / "hello.npy"), (std::vector<std::int32_t>{15496, 995}));
  EXPECT_TRUE(npy_ids(folder / "empty.npy").empty());
}

TEST(MainJob, FromTextToText) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());

  const Result pack = run({"data", "pack", "--input", folder / "text.txt", "--tokenizer",
                           folder / "tokenizer", "--output", folder / "packed", "--json"});
  ASSERT_EQ(pack.code, 0) << pack.err;
  const Result inspect = run({"data", "inspect", folder / "packed", "--json"});
  ASSERT_EQ(inspect.code, 0) << inspect.err;
  EXPECT_EQ(inspect.json().at("splits").as_array()[0].at("tokens").as_int(),
            pack.json().at("train").at("tokens").as_int());

  write_text(folder / "recipe.toml",
             "data = [\"" + (folder / "packed").string() +
                 "\"]\ndepth = 1\nsequence_length = 64\nbatch = 8\nsteps = 7\n"
                 "precision = \"f32\"\n");
  const std::string model = folder / "run";
  const Result train =
      run({"train", folder / "recipe.toml", "--run", model, "--steps", "40", "--json"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_EQ(train.json().at("steps").as_int(), 40);     // the option goes before the recipe
  EXPECT_LT(train.json().at("loss").as_double(), 4.5);  // ln 300 = 5.7 at the start

  const std::vector<std::string> generate = {"generate", "--model",     model,
                                             "--prompt", "the tree",    "--max-tokens",
                                             "12",       "--precision", "f32"};
  auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = generate;
    all.insert(all.end(), more.begin(), more.end());
    Result r = run(all);
    EXPECT_EQ(r.code, 0) << r.err;
    return r;
  };
  const Json first = with({"--json"}).json();
  const auto ids = ids_of(first.at("ids"));
  EXPECT_EQ(ids.size(), 12u);
  EXPECT_EQ(first.at("finish_reason").as_string(), "length");
  EXPECT_EQ(with({}).out, first.at("text").as_string() + "\n");
  EXPECT_EQ(with({"--json", "--threads", "1"}).json().at("text").as_string(),
            first.at("text").as_string());
  // The first word of the continuation, as a stop text.
  const std::string text = first.at("text").as_string();
  const std::string stop = text.substr(1, 3);
  const Json stopped = with({"--json", "--stop", "never", "--stop", stop}).json();
  EXPECT_EQ(stopped.at("finish_reason").as_string(), "stop");
  EXPECT_EQ(stopped.at("text").as_string(), text.substr(0, text.find(stop)));
  EXPECT_EQ(
      with({"--json", "--temperature", "0.9", "--top-k", "20", "--seed", "3"}).out.substr(0, 60),
      with({"--json", "--temperature", "0.9", "--top-k", "20", "--seed", "3"}).out.substr(0, 60));

  // Greedy ids are the likeliest of the logits.
  write_text(folder / "prompt", "the tree");
  ASSERT_EQ(run({"tokenizer", "encode", "--tokenizer", folder / "tokenizer", "--input",
                 folder / "prompt", "--output", folder / "prompt.npy"})
                .code,
            0);
  std::vector<std::int32_t> all = npy_ids(folder / "prompt.npy");
  const std::size_t prompt_size = all.size();
  EXPECT_EQ(first.at("prompt_tokens").as_int(), static_cast<std::int64_t>(prompt_size));
  all.insert(all.end(), ids.begin(), ids.end());
  const Logits logits = logits_of(folder.path(), model, all);
  ASSERT_EQ(logits.rows, static_cast<std::int64_t>(all.size()));
  ASSERT_EQ(logits.columns, 300);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const float* row = logits.row(static_cast<std::int64_t>(prompt_size + i) - 1);
    EXPECT_EQ(std::max_element(row, row + 300) - row, ids[i]) << "token " << i;
  }
}

TEST(MainJob, TheTokenizerComesWithTheModelOrTheData) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"train", "--sequence-length", "64", "--batch", "2", "--steps",
                                    "2",     "--eval-every",      "0"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const std::string text = folder / "text.txt", first = folder / "first";
  const Result fresh =
      train({"--data", text, "--tokenizer", folder / "tokenizer", "--depth", "1", "--run", first});
  ASSERT_EQ(fresh.code, 0) << fresh.err;
  // A run folder brings its tokenizer, as a model to go on from and by name.
  const Result on = train({"--data", text, "--model", first, "--run", folder / "second"});
  EXPECT_EQ(on.code, 0) << on.err;
  const Result named =
      train({"--data", text, "--tokenizer", first, "--depth", "1", "--run", folder / "third"});
  EXPECT_EQ(named.code, 0) << named.err;
  // Packed data and another tokenizer do not go together.
  const Result other = train({"--data", folder / "first/data", "--tokenizer", "gpt2", "--depth",
                              "1", "--run", folder / "fourth"});
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("another tokenizer"), std::string::npos) << other.err;
}

TEST(MainJob, ARunGoesOnWithTheDataItBeganWith) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  const std::string model = folder / "run";
  const Result first =
      run({"train", "--data", folder / "text.txt", "--tokenizer", folder / "tokenizer", "--depth",
           "1", "--sequence-length", "64", "--batch", "2", "--steps", "2", "--run", model});
  ASSERT_EQ(first.code, 0) << first.err;
  const std::string data = read_text(folder / "run/data/dataset.json");
  write_text(folder / "text.txt", sample_text(500) + "something else");
  const Result on = run({"train", "--run", model, "--resume", "auto"});
  EXPECT_EQ(on.code, 0) << on.err;
  EXPECT_EQ(read_text(folder / "run/data/dataset.json"), data);
  std::filesystem::remove(folder / "text.txt");
  EXPECT_EQ(run({"train", "--run", model, "--resume", "auto"}).code, 0);
}

TEST(MainJob, ARunDoesNotGoOnWithOtherPackedData) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  const std::string model = folder / "run", data = folder / "packed";
  const auto pack = [&](const std::string& text) {
    write_text(folder / "other.txt", text);
    return run({"data", "pack", "--input", folder / "other.txt", "--tokenizer",
                folder / "tokenizer", "--output", data, "--overwrite"});
  };
  ASSERT_EQ(pack(sample_text(300)).code, 0);
  const Result first = run({"train", "--data", data, "--depth", "1", "--sequence-length", "64",
                            "--batch", "2", "--steps", "2", "--run", model});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(run({"train", "--run", model, "--resume", "auto"}).code, 0);
  ASSERT_EQ(pack(sample_text(300) + "something else").code, 0);
  const Result other = run({"train", "--run", model, "--resume", "auto"});
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("not those that the run began with"), std::string::npos) << other.err;
  ASSERT_EQ(pack(sample_text(300)).code, 0);
  EXPECT_EQ(run({"train", "--run", model, "--resume", "auto"}).code, 0);
}

// Decay that multiplies the weights by -99 a step soon overflows.
TEST(MainJob, ARunThatDivergesKeepsItsLastStep) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  std::vector<std::string> arguments = train_arguments(folder.path(), "run", 60);
  for (const char* argument : {"--learning-rate", "10", "--min-learning-rate", "10", "--warmup",
                               "0", "--weight-decay", "10"})
    arguments.emplace_back(argument);
  const Result r = run(arguments);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("are unchanged: begin a new run"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("is saved in"), std::string::npos) << r.err;
  EXPECT_FALSE(std::filesystem::is_empty(folder / "run/checkpoints"));
}

TEST(MainJob, OneProcessARunFolder) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  const stemma::FolderLock lock(folder.path());
  const Result second = run({"train", "--data", folder / "text.txt", "--tokenizer",
                             folder / "tokenizer", "--depth", "1", "--sequence-length", "64",
                             "--batch", "2", "--steps", "2", "--run", folder.path().string()});
  EXPECT_EQ(second.code, 2);
  EXPECT_NE(second.err.find("another process works in"), std::string::npos) << second.err;
}

TEST(Perplexity, IsWhatTheLogitsSay) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path());
  const std::string model = folder / "run";
  ASSERT_EQ(run(train_arguments(folder.path(), "run", 5)).code, 0);
  const std::string text = "a small bird sings over the river.\n";
  write_text(folder / "short.txt", text);
  const Result r = run({"eval", "perplexity", "--model", model, "--text", folder / "short.txt",
                        "--precision", "f32", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  ASSERT_EQ(run({"tokenizer", "encode", "--tokenizer", folder / "tokenizer", "--input",
                 folder / "short.txt", "--output", folder / "short.npy"})
                .code,
            0);
  std::vector<std::int32_t> stream = npy_ids(folder / "short.npy");
  stream.insert(stream.begin(), 299);  // end of text stands before it
  const Logits logits = logits_of(folder.path(), model, stream);
  double nll = 0;
  for (std::size_t t = 0; t + 1 < stream.size(); ++t) {
    double sum = 0;
    const float* row = logits.row(static_cast<std::int64_t>(t));
    for (int v = 0; v < 300; ++v) sum += std::exp(static_cast<double>(row[v]));
    nll += std::log(sum) - static_cast<double>(row[stream[t + 1]]);
  }
  const Json json = r.json();
  const auto tokens = static_cast<double>(stream.size() - 1);
  EXPECT_EQ(json.at("tokens").as_double(), tokens);
  EXPECT_NEAR(json.at("nll").as_double(), nll, 1e-4 * nll);
  EXPECT_NEAR(json.at("perplexity").as_double(), std::exp(nll / tokens),
              1e-3 * std::exp(nll / tokens));
  EXPECT_NEAR(json.at("bits_per_byte").as_double(),
              nll / std::log(2.0) / static_cast<double>(text.size()), 1e-3);
}

}  // namespace
}  // namespace cli_test
