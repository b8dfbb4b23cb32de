#include "serve/load/load.h"

#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/serve/load_flags.h"
#include "cli/serve/load_report.h"
#include "cli/signals.h"
#include "serve/load/picture.h"

namespace stemma::cli {
namespace {

int run_load_command(const LoadFlags& o) {
  serve::LoadPlan plan = o.load_plan();
  plan.interrupt = process_interrupt();
  // A place that cannot be written to is said now, and not when all is measured.
  std::optional<AtomicFile> picture;
  if (!o.picture.empty()) picture.emplace(o.picture);
  ProgressLine line;
  plan.progress = [&](std::int64_t done) {
    line.update(plan.requests > 0 ? fmt::format("{} of {} requests", done, plan.requests)
                                  : fmt::format("{} requests", done));
  };
  const serve::LoadResult result = serve::run_load(plan);
  line.finish();
  if (o.json)
    print_json(load_json(result));
  else
    print(load_table(result));
  if (picture) {
    picture->write(serve::load_svg(result));
    picture->commit();
  }
  if (result.failed > 0) log_warning(fmt::format("{} requests failed", result.failed));
  return result.failed > 0 ? kCheckFailed : interrupted_or_done();
}

}  // namespace

void add_load(Program& program) {
  auto o = std::make_shared<LoadFlags>();
  Command& c = program.add("load", "measure how fast a server answers many clients");
  c.about =
      "Sends requests to a server of OpenAI's API, ours or another, and prints how long clients "
      "waited: to the first token, between tokens and to the last one (percentiles), and the rate "
      "of all together. --streams clients ask again and again (closed loop); with --rate requests "
      "come at random times, whether or not earlier ones are answered (open loop). Prompts are "
      "random words and no two are alike. Exit code 1 where a request failed.";
  c.examples = {"stemma load --url http://127.0.0.1:8080/v1 --streams 32 --requests 128",
                "stemma load --rate 4 --seconds 60 --prompt-words 32-512 --picture load.svg",
                "stemma load --streams 256 --seconds 600 --requests 0 --leave-share 0.1 --json",
                "stemma load --routes chat=smollm2 embeddings=mini classify=mails"};
  declare(*o, c.options);
  c.run = [o] { return run_load_command(*o); };
}

}  // namespace stemma::cli
