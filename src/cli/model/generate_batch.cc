#include "cli/model/generate_batch.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/model/batch_output.h"
#include "cli/output.h"
#include "data/byte_source.h"
#include "data/text_files.h"
#include "infer/chat_prompt.h"
#include "infer/engine.h"
#include "infer/generation_defaults.h"
#include "infer/generator.h"

namespace stemma::cli {
namespace {

constexpr std::int64_t kSlots = 32;
constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;

struct BatchRow {
  Json id;  // null where there is none
  std::string prompt;
  std::optional<chat::Conversation> chat;  // none: prompt
};

BatchRow row_of(const Json& json) {
  BatchRow row;
  for (const auto& [key, value] : json.as_object())
    if (key != "id" && key != "prompt" && key != "messages" && key != "tools")
      throw Error(
          ErrorCode::corrupt,
          fmt::format("unknown key '{}': a row has id, prompt, messages and tools; options of the "
                      "command hold for all rows",
                      key));
  if (const Json* id = json.find("id")) row.id = *id;
  const Json* messages = json.find("messages");
  if ((json.find("prompt") != nullptr) == (messages != nullptr))
    throw Error(ErrorCode::corrupt, "a row must have one of 'prompt' and 'messages'");
  if (!messages) {
    row.prompt = json.at("prompt").as_string();
    return row;
  }
  for (const Json& m : messages->as_array()) {
    m.at("role").as_string();
    if (!m.find("tool_calls")) m.at("content");
  }
  if (messages->as_array().empty()) throw Error(ErrorCode::corrupt, "'messages' is empty");
  row.chat.emplace().messages = *messages;
  if (const Json* tools = json.find("tools")) row.chat->tools = *tools;
  return row;
}

std::vector<BatchRow> read_rows(const std::string& path, const std::string& text) {
  std::vector<BatchRow> rows;
  std::int64_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string place = fmt::format("{}:{}", path, number);
    if (line.substr(line.find_first_not_of(" \t\r")).front() != '{')
      throw Error(ErrorCode::corrupt,
                  fmt::format("[generate] {}: every line must be one JSON object, such as "
                              "{{\"prompt\": \"...\"}}; jq -c '.[]' makes such lines of an array",
                              place));
    const Json json = Json::parse(line, place);
    try {
      rows.push_back(row_of(json));
    } catch (const Error& error) {
      throw Error(ErrorCode::corrupt, fmt::format("[generate] {}: {}", place, error.what()));
    }
  }
  return rows;
}

infer::Request request_of(const infer::LoadedModel& model, const BatchRow& row,
                          const BatchFile& file) {
  infer::Request request{.options = file.options};
  if (!row.chat) {
    request.prompt = infer::prompt_ids(model, row.prompt, file.allow_special);
  } else {
    infer::ChatPrompt prompt = infer::chat_prompt(model, *row.chat, file.chat_template);
    prompt.set_ends(request.options);
    request.prompt = std::move(prompt.ids);
  }
  if (file.within_max_length)
    request.options.max_tokens = infer::tokens_within_max_length(model, std::ssize(request.prompt),
                                                                 request.options.max_tokens);
  return request;
}

// Results that wait for those before them.
class BatchResults {
 public:
  BatchResults(const std::vector<BatchRow>& rows, const infer::SamplingOptions& sampling,
               BatchOutput& output)
      : rows_(rows),
        sampling_(sampling),
        output_(output),
        eta_(static_cast<double>(rows.size()), static_cast<double>(output.rows())),
        next_(output.rows()) {
    if (output.failed_rows() > 0) code_ = kUsage;
  }

  void fail(std::size_t row, const Error& error) {
    if (code_ == kDone) code_ = exit_code(error.code());
    Json out = begin(row);
    out.set("error", error.what());
    add(row, out);
  }
  void finish(std::size_t row, std::size_t prompt_tokens, const infer::Generation& g) {
    if (g.error) try {
        std::rethrow_exception(g.error);
      } catch (const Error& error) {
        return fail(row, error);
      }
    // What a file lacks is written another time.
    if (g.finish == infer::FinishReason::cancelled && output_.is_file()) return;
    Json ids{Json::Array{}};
    for (const std::int32_t id : g.ids) ids.push_back(id);
    Json out = begin(row);
    out.set("text", g.text);
    out.set("ids", std::move(ids));
    out.set("finish_reason", to_string(g.finish));
    out.set("prompt_tokens", static_cast<std::int64_t>(prompt_tokens));
    out.set("seed", sampling_.temperature > 0 ? Json(sampling_.seed) : Json());
    add(row, out);
  }
  bool wanted() const { return wanted_; }
  int code() const { return code_; }

 private:
  Json begin(std::size_t row) const {
    Json out = Json::object();
    if (!rows_[row].id.is_null()) out.set("id", rows_[row].id);
    return out;
  }
  void add(std::size_t row, const Json& out) {
    done_.emplace(row, out.dump() + "\n");
    for (auto next = done_.find(next_); next != done_.end(); next = done_.find(++next_)) {
      wanted_ = wanted_ && output_.add(next->second);
      done_.erase(next);
    }
    const std::size_t ready = next_ + done_.size();
    eta_.update(static_cast<double>(ready));
    line_.update(fmt::format("{} of {} rows  {}  {} left", ready, rows_.size(),
                             format_rate(eta_.rate(), "rows"),
                             format_duration(eta_.remaining_seconds())));
  }

  const std::vector<BatchRow>& rows_;
  const infer::SamplingOptions& sampling_;
  BatchOutput& output_;
  EtaEstimator eta_;
  ProgressLine line_;
  std::map<std::size_t, std::string> done_;
  std::size_t next_;
  bool wanted_ = true;  // the reader is still there
  int code_ = kDone;
};

}  // namespace

int generate_batch(const infer::LoadedModel& model, BatchFile file, infer::EngineOptions options) {
  const std::string text = read_text(open_any_text(file.path, Rows::wanted), kMostBytes);
  const std::vector<BatchRow> rows = read_rows(file.path, text);
  infer::SamplingOptions& sampling = file.options.sampling;
  const bool draws = sampling.temperature > 0;
  file.settings.set("rows", fmt::format("{:016x}", hash64(text)));
  file.settings.set("seed", draws && !file.drawn_seed ? Json(sampling.seed) : Json());
  Json fresh = file.settings;
  fresh.set("seed", draws ? Json(sampling.seed) : Json());
  BatchOutput output(file.output, file.settings, fresh);
  if (draws) sampling.seed = static_cast<std::uint64_t>(output.settings().at("seed").as_int());
  if (output.rows() > rows.size())
    throw Error(ErrorCode::corrupt,
                fmt::format("[generate] {} has {} rows, more than {}, which has {}", file.output,
                            output.rows(), file.path, rows.size()));
  if (output.rows() > 0)
    log_info(fmt::format("{} of {} rows are there already{}", output.rows(), rows.size(),
                         draws ? fmt::format("; the file's seed is {}", sampling.seed) : ""));
  BatchResults results(rows, sampling, output);
  struct Submitted {
    std::size_t row, prompt_tokens;
  };
  std::vector<Submitted> submitted;                              // by the engine's number
  std::vector<std::pair<std::size_t, infer::Request>> requests;  // with their rows
  std::int64_t longest = 1;
  for (std::size_t row = output.rows(); row < rows.size(); ++row) try {
      requests.emplace_back(row, request_of(model, rows[row], file));
      const infer::Request& request = requests.back().second;
      longest = std::max(longest, std::ssize(request.prompt) + request.options.max_tokens);
    } catch (const Error& error) {
      results.fail(row, error);
    }
  // No more cache than these rows can fill.
  options.slots = std::clamp<std::int64_t>(std::ssize(requests), 1, kSlots);
  options.capacity = std::min(longest, model.most_tokens());
  infer::Engine engine(model, options);
  for (auto& [row, request] : requests) try {
      const std::size_t tokens = request.prompt.size();
      engine.submit(std::move(request));
      submitted.push_back({row, tokens});
    } catch (const Error& error) {
      results.fail(row, error);
    }
  while (!engine.idle() && results.wanted())
    for (const infer::Engine::Completed& c : engine.step()) {
      const Submitted& s = submitted[static_cast<std::size_t>(c.number)];
      results.finish(s.row, s.prompt_tokens, c.generation);
    }
  output.finish();
  const int code = interrupted_or_done();
  return code == kDone ? results.code() : code;
}

}  // namespace stemma::cli
