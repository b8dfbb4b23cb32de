#include "data/pack.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "data/dataset.h"
#include "tests/data/support.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;
using test::ByteTokenizer;
using test::error_of;
using test::TemporaryFolder;

std::vector<std::string> make_documents(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    std::string text = "document " + std::to_string(i);
    for (int j = 0; j < i % 17; ++j) text += " word" + std::to_string(i * j);
    texts.push_back(text + "\n");
  }
  return texts;
}

std::string marked(const std::vector<std::string>& texts) {
  std::string file;
  for (const std::string& text : texts) file += text + "<|endoftext|>\n";
  return file;
}

// The documents of a split, decoded from the tokens on disk.
std::vector<std::string> texts_of(const Split& split) {
  std::vector<std::string> texts;
  for (std::int64_t d = 0; d < split.documents(); ++d) {
    const std::int64_t begin = split.document_begin(d), end = split.document_begin(d + 1);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(end - begin));
    split.read(begin, ids);
    EXPECT_EQ(ids[0], 256);
    std::string text;
    for (std::size_t i = 1; i < ids.size(); ++i) text += static_cast<char>(ids[i]);
    texts.push_back(text);
  }
  return texts;
}

std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).string()] = test::read_all(entry.path());
  return files;
}

TEST(Pack, KeepsEveryDocumentInItsSplitAndOrder) {
  TemporaryFolder folder;
  const std::vector<std::string> texts = make_documents(2000);
  const fs::path out = folder.path() / "deep/packed";
  const auto report = pack_documents(find_text_files({folder.write("a.txt", marked(texts))}),
                                     ByteTokenizer(), out, {});
  std::vector<std::string> train, validation;
  std::int64_t train_bytes = 0, validation_bytes = 0;
  for (const std::string& text : texts) {
    // 1 % of the hashes, by XXH3-64 of the xxHash library.
    const bool held_out =
        static_cast<double>(XXH3_64bits(text.data(), text.size())) < 0.01 * 0x1p64;
    (held_out ? validation : train).push_back(text);
    (held_out ? validation_bytes : train_bytes) += static_cast<std::int64_t>(text.size());
  }
  ASSERT_GT(validation.size(), 5u);
  ASSERT_LT(validation.size(), 50u);
  const Dataset data = Dataset::open(out);
  EXPECT_EQ(texts_of(*data.train()), train);
  EXPECT_EQ(texts_of(*data.validation()), validation);
  EXPECT_EQ(report->train.text_bytes, train_bytes);
  EXPECT_EQ(report->validation.text_bytes, validation_bytes);
  EXPECT_EQ(report->train.documents, static_cast<std::int64_t>(train.size()));
  EXPECT_EQ(report->train.tokens, train_bytes + static_cast<std::int64_t>(train.size()));
  EXPECT_EQ(report->note, "");
  EXPECT_TRUE(fs::exists(data.tokenizer_folder() / "byte-tokenizer"));
  EXPECT_EQ(data.token_byte_counts()[65], 1u);
  EXPECT_EQ(data.token_byte_counts()[256], 0u);
}

TEST(Pack, SplitDoesNotDependOnTheOrderOfFiles) {
  TemporaryFolder folder;
  const std::vector<std::string> texts = make_documents(900);
  std::vector<fs::path> paths;
  std::string rows;
  for (int part = 0; part < 3; ++part)
    paths.push_back(
        folder.write("part" + std::to_string(part) + ".txt",
                     marked({texts.begin() + part * 300, texts.begin() + part * 300 + 300})));
  std::vector<std::set<std::string>> validations;
  for (int order = 0; order < 3; ++order) {
    const fs::path out = folder.path() / ("out" + std::to_string(order));
    pack_documents(find_text_files(paths), ByteTokenizer(), out, {});
    const auto held_out = texts_of(*Dataset::open(out).validation());
    validations.emplace_back(held_out.begin(), held_out.end());
    std::rotate(paths.begin(), paths.begin() + 1, paths.end());
  }
  EXPECT_FALSE(validations[0].empty());
  EXPECT_EQ(validations[0], validations[1]);
  EXPECT_EQ(validations[0], validations[2]);
}

TEST(Pack, SameBytesForAnyNumberOfThreads) {
  TemporaryFolder folder;
  const fs::path file = folder.write("a.txt", marked(make_documents(7'000)));
  PackOptions options;
  options.shard_tokens = 100'000;
  std::map<std::string, std::string> first;
  for (const int threads : {1, 2, 5}) {
    options.threads = threads;
    const fs::path out = folder.path() / ("out" + std::to_string(threads));
    pack_documents(find_text_files({file}), ByteTokenizer(), out, options);
    const auto files = files_of(out);
    if (first.empty()) first = files;
    EXPECT_EQ(files, first);
  }
  EXPECT_TRUE(first.contains("train-00002.tokens"));
}

TEST(Pack, ManyShardsReadAsOneStream) {
  TemporaryFolder folder;
  const std::vector<std::string> texts = make_documents(300);
  const fs::path file = folder.write("a.txt", marked(texts));
  PackOptions options;
  options.validation_fraction = 0;
  pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "one", options);
  options.shard_tokens = 1000;
  const auto report =
      pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "many", options);
  EXPECT_GT(report->train.shards.size(), 10u);
  EXPECT_NE(report->note.find("fraction is 0"), std::string::npos);
  const auto one = Dataset::open(folder.path() / "one").train();
  const auto many = Dataset::open(folder.path() / "many").train();
  EXPECT_EQ(texts_of(*many), texts);
  std::vector<std::int32_t> a(static_cast<std::size_t>(2 * one->tokens())), b = a;
  one->read(7, a);  // round the ring twice
  many->read(7, b);
  EXPECT_EQ(a, b);
}

TEST(Pack, TinyDataStillGetBothSplits) {
  TemporaryFolder folder;
  const std::vector<std::string> texts{"alpha\n", "beta\n", "gamma\n"};
  const auto hash = [](const std::string& text) { return XXH3_64bits(text.data(), text.size()); };
  const auto by_hash = [&](const std::string& a, const std::string& b) {
    return hash(a) < hash(b);
  };
  const std::string smallest = *std::min_element(texts.begin(), texts.end(), by_hash);
  const std::string largest = *std::max_element(texts.begin(), texts.end(), by_hash);
  const fs::path file = folder.write("a.txt", marked(texts));
  PackOptions options;
  options.overwrite = true;
  options.validation_fraction = 1e-9;
  auto report =
      pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "out", options);
  EXPECT_EQ(texts_of(*Dataset::open(folder.path() / "out").validation()),
            std::vector<std::string>{smallest});
  EXPECT_NE(report->note.find("smallest hash"), std::string::npos);

  options.validation_fraction = 0.999999;
  report = pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "out", options);
  EXPECT_EQ(texts_of(*Dataset::open(folder.path() / "out").train()),
            std::vector<std::string>{largest});
  EXPECT_NE(report->note.find("largest hash"), std::string::npos);

  for (const std::string same : {"only\n", "only\n<|endoftext|>\nonly\n"}) {
    report = pack_documents(find_text_files({folder.write("b.txt", same)}), ByteTokenizer(),
                            folder.path() / "out", options);
    EXPECT_EQ(report->validation.documents, 0);
    EXPECT_GE(report->train.documents, 1);
    EXPECT_NE(report->note.find("no validation data"), std::string::npos);
    EXPECT_EQ(Dataset::open(folder.path() / "out").validation()->tokens(), 0);
  }
}

TEST(Pack, EmptyDataAreAnErrorAndLeaveTheFolderAlone) {
  TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  pack_documents(find_text_files({folder.write("a.txt", "text\n")}), ByteTokenizer(), out, {});
  const auto before = files_of(out);
  PackOptions options;
  options.overwrite = true;
  const std::string message = error_of(ErrorCode::corrupt, [&] {
    pack_documents(find_text_files({folder.write("e.txt", " \n\n"), folder.write("e.jsonl", "")}),
                   ByteTokenizer(), out, options);
  });
  EXPECT_NE(message.find("empty"), std::string::npos);
  error_of(ErrorCode::corrupt,
           [&] { pack_documents(find_text_files({}), ByteTokenizer(), out, options); });
  EXPECT_EQ(files_of(out), before);
  error_of(ErrorCode::invalid_argument, [&] {
    pack_documents(find_text_files({folder.path() / "a.txt"}), ByteTokenizer(), out, {});
  });
  EXPECT_EQ(files_of(out), before);
}

TEST(Pack, ImpossibleOptions) {
  TemporaryFolder folder;
  const fs::path file = folder.write("a.txt", "text\n"), out = folder.path() / "out";
  for (const double fraction : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    PackOptions options;
    options.validation_fraction = fraction;
    error_of(ErrorCode::invalid_argument,
             [&] { pack_documents(find_text_files({file}), ByteTokenizer(), out, options); });
  }
  PackOptions options;
  options.shard_tokens = 0;
  error_of(ErrorCode::invalid_argument,
           [&] { pack_documents(find_text_files({file}), ByteTokenizer(), out, options); });
  error_of(ErrorCode::device,
           [&] { pack_documents(find_text_files({file}), ByteTokenizer(), file / "out", {}); });
}

TEST(Pack, ProgressCountsAndStops) {
  TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 30'000; ++i) rows += "{\"text\":\"row " + std::to_string(i) + "\"}\n";
  const fs::path file = folder.write("a.jsonl", rows);
  PackOptions options;
  options.shard_tokens = 60'000;
  std::vector<PackProgress> seen;
  options.progress = [&](const PackProgress& progress) {
    seen.push_back(progress);
    return true;
  };
  const auto report =
      pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "out", options);
  ASSERT_TRUE(report);
  EXPECT_EQ(seen.back().documents, 30'000);
  EXPECT_EQ(seen.back().read_bytes, rows.size());
  EXPECT_EQ(seen.back().total_bytes, rows.size());
  EXPECT_EQ(report->source_bytes, rows.size());

  options.progress = [](const PackProgress& progress) { return progress.documents == 0; };
  EXPECT_FALSE(
      pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "stopped", options));
  EXPECT_TRUE(files_of(folder.path() / "stopped").empty());
}

TEST(Pack, ErrorsInTheMiddleLeaveNothing) {
  TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 30'000; ++i) rows += "{\"text\":\"row " + std::to_string(i) + "\"}\n";
  PackOptions options;
  options.shard_tokens = 60'000;
  const std::string message = error_of(ErrorCode::corrupt, [&] {
    pack_documents(find_text_files({folder.write("a.jsonl", rows + "{bad")}), ByteTokenizer(),
                   folder.path() / "out", options);
  });
  EXPECT_NE(message.find("a.jsonl:30001"), std::string::npos) << message;
  EXPECT_TRUE(files_of(folder.path() / "out").empty());
}

// A process that dies at any block leaves no folder that opens, and packing again repairs it.
TEST(Pack, KilledPackingIsNeverVisible) {
  TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 40'000; ++i) rows += "{\"text\":\"row " + std::to_string(i) + "\"}\n";
  const fs::path file = folder.write("a.jsonl", rows), out = folder.path() / "out";
  pack_documents(find_text_files({folder.write("old.txt", "old\n")}), ByteTokenizer(), out, {});
  PackOptions options;
  options.shard_tokens = 60'000;
  options.overwrite = true;
  options.threads = 1;
  for (const std::int64_t at : {8'192, 24'576, 40'000}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      options.progress = [at](const PackProgress& progress) {
        if (progress.documents >= at) ::kill(::getpid(), SIGKILL);
        return true;
      };
      pack_documents(find_text_files({file}), ByteTokenizer(), out, options);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(files_of(out).empty());  // something was left behind
    error_of(ErrorCode::not_found, [&] { Dataset::open(out); });
  }
  pack_documents(find_text_files({file}), ByteTokenizer(), out, options);
  pack_documents(find_text_files({file}), ByteTokenizer(), folder.path() / "fresh", options);
  EXPECT_EQ(files_of(out), files_of(folder.path() / "fresh"));
}

}  // namespace
}  // namespace stemma
