// Runs a fuzz function without libFuzzer: over every file of a folder and a fixed number of
// mutations of them, the same on every machine. A crash is the failure; what crashed is then on
// standard error.
//
//   safetensors_fuzz tests/fuzz/seeds/safetensors [runs]   (default 2000 mutations)
//   safetensors_fuzz crash-input                           (one file as it is)
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <signal.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr std::size_t kLargestInput = 16384;
constexpr long kDefaultRuns = 2000;

// What a signal handler may read: the input under way.
Input present;

void write_all(const void* data, std::size_t size) {
  if (::write(STDERR_FILENO, data, size) < 0) std::_Exit(3);
}

// Only calls that are safe in a handler: the input as hex digits.
void tell_input(int number) {
  constexpr char kIntro[] = "\nthis input crashed (hex; xxd -r -p makes a file of it):\n";
  write_all(kIntro, sizeof kIntro - 1);
  for (const std::uint8_t byte : present) {
    const char digits[2] = {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    write_all(digits, sizeof digits);
  }
  write_all("\n", 1);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

Input read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(file), {});
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

  Input next() {
    Input input = seeds_[below(seeds_.size())];
    for (std::size_t i = 0, n = 1 + below(4); i < n; ++i) change(input);
    if (input.size() > kLargestInput) input.resize(kLargestInput);
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void change(Input& input) {
    if (input.empty()) input.push_back(static_cast<std::uint8_t>(random_()));
    const std::size_t at = below(input.size());
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(7)) {
      case 0:
        input[at] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        input[at] = kTelling[below(kTelling.size())];
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.erase(
            place, place + static_cast<std::ptrdiff_t>(std::min(1 + below(16), input.size() - at)));
        break;
      case 4:
        input.insert(place, 1 + below(16), kTelling[below(kTelling.size())]);
        break;
      case 5: {  // a stretch of another seed
        const Input& other = seeds_[below(seeds_.size())];
        const std::size_t from = below(other.size() + 1);
        const std::size_t count = below(std::min<std::size_t>(other.size() - from, 64) + 1);
        input.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + count));
        break;
      }
      default:  // a large little-endian number
        for (std::size_t i = at; i < std::min(at + 8, input.size()); ++i)
          input[i] = below(2) == 0 ? 0xFF : 0x7F;
    }
  }

  static constexpr std::array<std::uint8_t, 16> kTelling = {
      0, 1, 0x7F, 0x80, 0xFF, 0xC0, 0xE2, 0xF4, '"', '\\', '{', '}', '[', '-', '9', '\n'};
  const std::vector<Input>& seeds_;
  std::mt19937_64 random_{20180611};
};

std::vector<Input> read_seeds(const fs::path& path) {
  if (!fs::is_directory(path)) return {read_file(path)};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> seeds;
  for (const fs::path& file : files) seeds.push_back(read_file(file));
  return seeds;
}

void run(Input input) {
  present = std::move(input);
  // A copy of the exact size: a sanitizer then sees every byte read past the end.
  const Input exact(present.begin(), present.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !fs::exists(argv[1])) {
    std::fprintf(stderr, "usage: %s FOLDER_OR_FILE [MUTATIONS]\n", argv[0]);
    return 2;
  }
  for (const int number : {SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE})
    ::signal(number, tell_input);
  const std::vector<Input> seeds = read_seeds(argv[1]);
  if (seeds.empty()) {
    std::fprintf(stderr, "%s holds no file\n", argv[1]);
    return 2;
  }
  const long standard = fs::is_directory(argv[1]) ? kDefaultRuns : 0;
  const long runs = argc > 2 ? std::strtol(argv[2], nullptr, 10) : standard;
  for (const Input& seed : seeds) run(seed);
  run({});
  Mutator mutator(seeds);
  for (long i = 0; i < runs; ++i) run(mutator.next());
  std::printf("%zu seeds and %ld mutations passed\n", seeds.size(), runs);
  return 0;
}
