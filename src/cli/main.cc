// The one binary.
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/signals.h"

namespace {

// A closed standard stream would give its number to the next file that is opened, and results or
// messages would be written into that file.
void keep_standard_streams() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) == -1) (void)::open("/dev/null", O_RDWR);
}

}  // namespace

int main(int argc, char** argv) {
  keep_standard_streams();
  stemma::cli::install_signal_handlers();
  // A reader that goes away is an error of the write, which print() knows.
  std::signal(SIGPIPE, SIG_IGN);
  stemma::cli::Program program;
  stemma::cli::add_tokenizer_train(program);
  stemma::cli::add_tokenizer_encode(program);
  stemma::cli::add_tokenizer_decode(program);
  stemma::cli::add_tokenizer_convert(program);
  stemma::cli::add_tokenizer_chat(program);
  stemma::cli::add_tokenizer_count(program);
  stemma::cli::add_tokenizer_inspect(program);
  stemma::cli::add_tokenizer_bench(program);
  stemma::cli::add_data_pack(program);
  stemma::cli::add_data_inspect(program);
  stemma::cli::add_train(program);
  stemma::cli::add_finetune(program);
  stemma::cli::add_predict(program);
  stemma::cli::add_merge(program);
  stemma::cli::add_generate(program);
  stemma::cli::add_logits(program);
  stemma::cli::add_hidden(program);
  stemma::cli::add_embed(program);
  stemma::cli::add_eval_perplexity(program);
  stemma::cli::add_eval_task(program);
  stemma::cli::add_chat(program);
  stemma::cli::add_serve(program);
  stemma::cli::add_load(program);
  stemma::cli::add_convert(program);
  stemma::cli::add_info(program);
  stemma::cli::add_bench(program);
  stemma::cli::add_doctor(program);
  return program.run(argc, argv);
}
