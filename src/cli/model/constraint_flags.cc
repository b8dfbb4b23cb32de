#include "cli/model/constraint_flags.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace stemma::cli {

void declare(ConstraintFlags& flags, OptionSet& options) {
  options.add({"json_schema",
               "the text is JSON of this schema, token by token: a file, or the schema itself",
               "person.json",
               {"schema", "guided_json", "j"}},
              flags.json_schema);
  options.add({"json_object", "the text is a JSON object of any kind", "true", {"json_mode"}},
              flags.json_object);
  options.add({"regex",
               "the whole text matches this regular expression",
               "'(yes|no), [0-9]{1,3} times'",
               {"guided_regex"}},
              flags.regex);
  options.add({"choice",
               "the text is one of these, word by word behind the option or one for each --choice",
               "yes no",
               {"choices", "guided_choice"}},
              flags.choices);
}

grammar::SharedGrammar grammar_of(const ConstraintFlags& flags, const OptionSet& options) {
  const auto refuse_empty = [&](const char* key, const std::string& value) {
    if (value.empty() && options.source(key) != OptionSource::default_value)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[generate] {} must not be empty", flag_of_key(key)));
  };
  refuse_empty("json_schema", flags.json_schema);
  refuse_empty("regex", flags.regex);
  const int given = static_cast<int>(!flags.json_schema.empty()) +
                    static_cast<int>(flags.json_object) + static_cast<int>(!flags.regex.empty()) +
                    static_cast<int>(!flags.choices.empty());
  if (given > 1)
    throw Error(ErrorCode::invalid_argument,
                "[generate] a text can be held to one of --json-schema, --json-object, --regex and "
                "--choice");
  if (flags.json_object) return grammar::json_grammar();
  if (!flags.regex.empty()) return grammar::regex_grammar(flags.regex);
  if (!flags.choices.empty()) return grammar::choice_grammar(flags.choices);
  if (flags.json_schema.empty()) return nullptr;
  constexpr std::uint64_t kMostBytes = 4 << 20;
  const std::string& schema = flags.json_schema;
  const std::size_t first = schema.find_first_not_of(" \t\r\n");
  const bool is_schema = first != std::string::npos && schema[first] == '{';
  return grammar::schema_grammar(is_schema ? Json::parse(schema, "--json-schema")
                                           : Json::parse(read_file(schema, kMostBytes), schema));
}

}  // namespace stemma::cli
