// What a fine-tuned model does: which task, what its labels are called, and how a row of text
// becomes what the model reads. Kept beside the weights (stemma_task.json), so that a folder is all
// that `predict` and a server need.
//
//   const TaskDescription task = read_descriptions("runs/sst2", config).front();
//   task.labels;  // "negative", "positive"
//
// A model that was trained for several tasks at once has a description for each, with a name, and
// as many heads in the same order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/config_file.h"
#include "data/labelled/rows.h"
#include "models/config.h"

namespace stemma::tasks {

enum class TaskKind : std::uint8_t {
  classification,  // the class, or the classes, of a text
  tokens,          // a tag for each word; named entities
  entailment,      // the relation between two texts
  similarity,      // how alike two texts are: a class or a number
  choice           // which candidate goes on best from a text
};
// "classification" and back. Throws invalid_argument listing the names.
std::string_view to_string(TaskKind kind);
TaskKind task_named(std::string_view name);
// The names, in the order of the enumeration.
std::vector<std::string> task_names();

// What the answers are, in the words of transformers' problem_type.
inline constexpr std::string_view kSingleLabel = "single_label_classification";
inline constexpr std::string_view kMultiLabel = "multi_label_classification";
inline constexpr std::string_view kRegression = "regression";
inline constexpr std::string_view kChoice = "choice";

// The tokens around the texts that a decoder reads (Radford et al. 2018, figure 1): start text
// extract; start first delimiter second extract.
struct Marks {
  std::int32_t start = 0, delimiter = 0, extract = 0;
  bool operator==(const Marks&) const = default;
};

struct TaskDescription {
  std::string name;  // of its head, where the model has several; empty: the only one
  TaskKind kind = TaskKind::classification;
  std::string problem{kSingleLabel};
  std::vector<std::string> labels;  // of the outputs; choice: none
  HeadInput input = HeadInput::last;
  // Of a pair: also the second text before the first; the two vectors are added, so that the order
  // of a pair makes no difference (Radford et al. 2018, 3.3).
  bool both_orders = false;
  // None: what the tokenizer's own files put around texts ([CLS] A [SEP] B [SEP]).
  std::optional<Marks> marks;
  std::int64_t max_tokens = 512;  // of one sequence, with what stands around the texts
  // Texts above it: read in windows of that size, otherwise cut.
  bool windows = false;
  std::string tag_scheme;  // of tokens: "BIO", "BIOES", "plain"
  // Of tokens: a word has the state of its last piece, which alone has seen all of it where a token
  // sees only those before it; otherwise of its first.
  bool last_piece = false;
  std::string choice_labels;     // of choice: how labels name the candidates ("from_1")
  labelled::RowOptions columns;  // where a row has its texts, as in training

  // K, the outputs of its head.
  std::int64_t outputs() const;
  // The position of a label; -1: there is none of that name.
  std::int64_t label_index(std::string_view label) const;
};

inline constexpr const char* kTaskFile = "stemma_task.json";

// What the file holds: the description, or {"tasks": [...]} with several.
Json to_json(const std::vector<TaskDescription>& tasks);
// One or more. Throws corrupt naming `where` and the key.
std::vector<TaskDescription> parse_descriptions(const Json& json, const std::string& where);
// Of a folder that has the file, or of a folder of one of transformers' classes, whose config.json
// says less. Throws unsupported for a model without the head of a task, corrupt where the
// descriptions are of other heads.
std::vector<TaskDescription> read_descriptions(const std::filesystem::path& folder,
                                               const checkpoint::ConfigFile& config);

// Of an adapter's folder; of one that PEFT wrote, which names no labels, with labels by number.
std::vector<TaskDescription> read_adapter_descriptions(const std::filesystem::path& folder,
                                                       const checkpoint::ConfigFile& base);

// The place of the task of that name; an empty one is the first. Throws invalid_argument listing
// the names.
std::size_t place_of(const std::vector<TaskDescription>& tasks, std::string_view name);

}  // namespace stemma::tasks
