// The one binary.
#include <csignal>

#include "base/interrupt.h"
#include "cli/commands.h"

int main(int argc, char** argv) {
  stemma::install_interrupt_handlers();
  // A reader that goes away is an error of the write, which print() knows.
  std::signal(SIGPIPE, SIG_IGN);
  stemma::cli::Program program;
  stemma::cli::add_tokenizer_train(program);
  stemma::cli::add_tokenizer_encode(program);
  stemma::cli::add_tokenizer_decode(program);
  stemma::cli::add_data_pack(program);
  stemma::cli::add_data_inspect(program);
  stemma::cli::add_train(program);
  stemma::cli::add_generate(program);
  stemma::cli::add_logits(program);
  stemma::cli::add_eval_perplexity(program);
  stemma::cli::add_info(program);
  stemma::cli::add_bench(program);
  stemma::cli::add_doctor(program);
  return program.run(argc, argv);
}
