#include "checkpoint/run_folder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "checkpoint/weight_files.h"
#include "models/family.h"

namespace stemma::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kState = "state.json";
constexpr std::string_view kOptimizer = "optimizer.safetensors";
constexpr std::string_view kPartial = ".partial";
constexpr std::string_view kStep = "step-";
constexpr std::uint64_t kMaxStateBytes = 64 << 20;

[[noreturn]] void damaged(const fs::path& folder, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[checkpoint] {}: {}", folder.string(), what));
}

[[noreturn]] void device_error(std::string_view action, const fs::path& path,
                               const std::error_code& error) {
  throw Error(ErrorCode::device,
              fmt::format("[checkpoint] cannot {} {}: {}", action, path.string(), error.message()));
}

Json checksum(const fs::path& path) {
  const MappedFile file(path);
  return Json::object({{"bytes", static_cast<std::int64_t>(file.bytes().size())},
                       {"xxh3", fmt::format("{:016x}", hash64(file.bytes()))}});
}

// The entries of a folder; none where it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

void write_state(const fs::path& folder, const TrainingState& state) {
  Json files = Json::object();
  for (const fs::path& path : entries_of(folder))
    files.set(path.filename().string(), checksum(path));
  Json json = to_json(state);
  json.set("files", std::move(files));
  AtomicFile file(folder / kState);
  file.write(json.dump(2) + "\n");
  file.commit();
}

// Gives `partial` its final name. An older folder of that name is exchanged in one step, where the
// file system can, so that the name never points to nothing.
void rename_over(const fs::path& partial, const fs::path& final_path) {
  std::error_code error;
  if (fs::exists(final_path, error)) {
    if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, final_path.c_str(), RENAME_EXCHANGE) == 0) {
      fs::remove_all(partial, error);
      return;
    }
    fs::remove_all(final_path, error);
    if (error) device_error("replace", final_path, error);
  }
  fs::rename(partial, final_path, error);
  if (error) device_error("rename", partial, error);
}

void fill(const fs::path& partial, const Checkpoint& checkpoint) {
  if (checkpoint.adapter)
    export_adapter(partial, checkpoint.model, *checkpoint.adapter);
  else
    export_model(partial, checkpoint.model);
  const fs::path optimizer = partial / kOptimizer;
  write_safetensors(optimizer, checkpoint.optimizer);
  verify_safetensors(optimizer, checkpoint.optimizer);
  write_state(partial, checkpoint.state);
  sync_folder(partial);
}

struct Candidate {
  std::int64_t step;
  fs::path folder;
};

// The step of "step-00000100"; -1 for every other name.
std::int64_t step_of(const std::string& name) {
  if (!name.starts_with(kStep)) return -1;
  std::int64_t step = 0;
  const char* begin = name.data() + kStep.size();
  const char* end = name.data() + name.size();
  if (begin == end || !std::isdigit(static_cast<unsigned char>(*begin))) return -1;
  const auto [stop, error] = std::from_chars(begin, end, step);
  return stop == end && error == std::errc{} ? step : -1;
}

// Newest first.
std::vector<Candidate> candidates(const fs::path& checkpoints) {
  std::vector<Candidate> all;
  for (const fs::path& path : entries_of(checkpoints))
    if (const std::int64_t step = step_of(path.filename().string()); step >= 0)
      all.push_back({step, path});
  std::sort(all.begin(), all.end(),
            [](const Candidate& a, const Candidate& b) { return a.step > b.step; });
  return all;
}

void verify_file(const fs::path& folder, const std::string& name, const Json& expected) {
  if (name.empty() || name == ".." || name.find('/') != std::string::npos)
    damaged(folder, fmt::format("{} lists a file outside the folder: {}", kState, in_quotes(name)));
  std::error_code error;
  if (!fs::is_regular_file(folder / name, error))
    damaged(folder, fmt::format("{} is missing", in_quotes(name)));
  const Json actual = checksum(folder / name);
  for (const std::string_view key : {"bytes", "xxh3"})
    if (const Json* value = expected.find(key); !value || value->dump() != actual.at(key).dump())
      damaged(folder,
              fmt::format("{} is damaged: {} is {}, {} says {}", in_quotes(name), key,
                          actual.at(key).dump(), kState, value ? value->dump() : "nothing"));
}

}  // namespace

fs::path write_checkpoint(const fs::path& run, const Checkpoint& checkpoint) {
  if (checkpoint.state.step < 0)
    throw Error(ErrorCode::invalid_argument, "[checkpoint] the step must not be negative");
  const fs::path all = run / "checkpoints";
  fs::path final_path = checkpoint_folder(run, checkpoint.state.step);
  const fs::path partial = fs::path(final_path).concat(kPartial);
  std::error_code error;
  fs::create_directories(all, error);
  if (error) device_error("create", all, error);
  for (const fs::path& path : entries_of(all))  // left by a process that died
    if (path.extension() == kPartial) fs::remove_all(path, error);
  try {
    fill(partial, checkpoint);
    rename_over(partial, final_path);
  } catch (...) {
    fs::remove_all(partial, error);
    throw;
  }
  sync_folder(all);
  return final_path;
}

TrainingState verify_checkpoint(const fs::path& folder, CheckpointParts parts) {
  const fs::path path = folder / kState;
  const Json json = Json::parse(read_file(path, kMaxStateBytes), path.string());
  TrainingState state = parse_training_state(json, path.string());
  const Json* files = json.find("files");
  if (!files || !files->is_object() ||
      (!files->find("model.safetensors") && !files->find(kAdapterWeights)))
    damaged(folder, fmt::format("{} does not list the files", kState));
  for (const auto& [name, expected] : files->as_object()) {
    if (!expected.is_object()) damaged(folder, fmt::format("{}: files is malformed", kState));
    if (parts == CheckpointParts::all || name != kOptimizer) verify_file(folder, name, expected);
  }
  const std::string name = folder.filename().string();
  if (const std::int64_t step = step_of(name); step >= 0 && step != state.step)
    damaged(folder, fmt::format("{} says step {}", kState, state.step));
  return state;
}

fs::path checkpoint_folder(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / fmt::format("{}{:08}", kStep, step);
}

void keep_checkpoints(const fs::path& run, std::span<const std::int64_t> steps) {
  for (const Candidate& candidate : candidates(run / "checkpoints")) {
    if (std::find(steps.begin(), steps.end(), candidate.step) != steps.end()) continue;
    std::error_code error;
    fs::remove_all(candidate.folder, error);
    if (error) device_error("remove", candidate.folder, error);
  }
}

bool has_checkpoints(const fs::path& run) { return !candidates(run / "checkpoints").empty(); }

FoundCheckpoint newest_checkpoint(const fs::path& run, CheckpointParts parts) {
  const fs::path all = run / "checkpoints";
  FoundCheckpoint found;
  for (const Candidate& candidate : candidates(all)) {
    try {
      found.state = verify_checkpoint(candidate.folder, parts);
      found.folder = candidate.folder;
      if (!found.warnings.empty())
        found.warnings.push_back(
            fmt::format("[checkpoint] the newest whole checkpoint is {}, step {}",
                        found.folder.string(), found.state.step));
      return found;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::not_found &&
          error.code() != ErrorCode::device)
        throw;
      found.warnings.push_back(error.what());
    }
  }
  if (found.warnings.empty())
    throw Error(
        ErrorCode::not_found,
        fmt::format("[checkpoint] there is no checkpoint {}<step> in {}", kStep, all.string()));
  throw Error(ErrorCode::corrupt, fmt::format("[checkpoint] every checkpoint in {} is damaged:\n{}",
                                              all.string(), fmt::join(found.warnings, "\n")));
}

std::vector<NamedTensor> read_optimizer(const fs::path& checkpoint) {
  const SafetensorsReader file(checkpoint / kOptimizer);
  std::vector<NamedTensor> tensors;
  for (const StoredTensor& tensor : file.tensors())
    tensors.push_back({tensor.name, file.read(tensor, Memory::own)});
  return tensors;
}

void publish_model(const fs::path& checkpoint, const fs::path& to) {
  std::vector<fs::path> files;
  for (const fs::path& path : entries_of(checkpoint))
    if (path.filename() != kOptimizer && path.filename() != kState) files.push_back(path);
  std::stable_partition(files.begin(), files.end(),
                        [](const fs::path& path) { return path.extension() != ".safetensors"; });
  for (const fs::path& path : files) {
    const fs::path final_path = to / path.filename();
    const fs::path partial = fs::path(final_path).concat(kPartial);
    std::error_code error;
    fs::copy_file(path, partial, fs::copy_options::overwrite_existing, error);
    if (!error) fs::rename(partial, final_path, error);
    if (error) device_error("write", final_path, error);
  }
  sync_folder(to);
}

ModelFolder resolve_model_folder(const fs::path& path) {
  std::error_code error;
  const bool has_config = fs::exists(path / "config.json", error);
  if (has_config && WeightFiles::present(path)) return {path, {}};
  if (fs::is_directory(path / "checkpoints", error)) {
    FoundCheckpoint found = newest_checkpoint(path, CheckpointParts::model);
    return {found.folder, std::move(found.warnings)};
  }
  if (!fs::exists(path, error) && is_published(path.string()))
    throw Error(
        ErrorCode::not_found,
        fmt::format(
            "[model] {0} is the name of a published size, whose weights are not shipped and "
            "not downloaded: get its folder (config.json, model.safetensors, tokenizer "
            "files) from its publisher and name that; scripts/get-model.sh smollm2 brings a "
            "small model that answers",
            path.string()));
  if (has_config && fs::exists(path / "pytorch_model.bin", error)) WeightFiles{path};  // its error
  std::string_view problem = "there is no such folder, and nothing is downloaded";
  if (fs::is_directory(path, error))
    problem = has_config ? "it has a config.json, but no weights" : "it has no config.json";
  else if (fs::exists(path, error))
    problem = "it is a file";
  throw Error(ErrorCode::not_found,
              fmt::format("[model] {}: {}; a model is a folder with config.json and "
                          "model.safetensors (or its index), or a run folder with "
                          "checkpoints/step-<number>; scripts/get-model.sh brings small real ones",
                          path.string(), problem));
}

}  // namespace stemma::checkpoint
