#include "cli/model/generate_beams.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::cli {

void declare(BeamFlags& flags, OptionSet& options) {
  options.add(
      {"beams",
       "follow so many continuations at once and print the one with the highest probability "
       "as a whole (beam search); 1: choose token by token",
       "4",
       {"num_beams", "beam_size", "beam_width"}},
      flags.beams, {1, 256});
  options.add(
      {"length_penalty",
       "with --beams: log-probabilities are divided by length to this power; larger: longer "
       "texts",
       "1"},
      flags.length_penalty, {-100, 100});
  options.add({"early_stopping", "with --beams: end as soon as so many texts have ended", "true"},
              flags.early_stopping);
}

void check_beam_flags(const BeamFlags& flags, const OptionSet& options) {
  if (flags.beams == 1) return;
  for (const char* key : {"temperature", "top_k", "top_p", "min_p", "repetition_penalty",
                          "frequency_penalty", "presence_penalty", "stop", "batch", "draft_tokens",
                          "draft_model", "json_schema", "json_object", "regex", "choice"})
    if (options.source(key) != OptionSource::default_value)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[generate] {} cannot be used with --beams, which compares whole "
                              "texts: leave one of them out",
                              flag_of_key(key)));
}

std::vector<infer::BeamText> search_beams(const infer::LoadedModel& model,
                                          std::span<const std::int32_t> prompt,
                                          const BeamFlags& flags,
                                          const infer::GenerateOptions& writing) {
  return infer::beam_search(model, prompt,
                            {.beams = flags.beams,
                             .max_tokens = writing.max_tokens,
                             .length_penalty = flags.length_penalty,
                             .early_stopping = flags.early_stopping,
                             .end_tokens = writing.end_tokens,
                             .ignore_end_of_text = writing.ignore_end_of_text,
                             .interrupt = writing.interrupt});
}

Json to_json(std::span<const infer::BeamText> texts) {
  Json list = Json::array();
  for (const infer::BeamText& text : texts) {
    Json ids{Json::Array{}};
    for (const std::int32_t id : text.ids) ids.push_back(id);
    list.push_back(Json::object({{"text", text.text},
                                 {"ids", std::move(ids)},
                                 {"score", text.score},
                                 {"log_probability", text.log_probability},
                                 {"finish_reason", infer::to_string(text.finish)}}));
  }
  return list;
}

}  // namespace stemma::cli
