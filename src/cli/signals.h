// Ctrl-C and SIGTERM as an Interrupt that a command passes to the work it starts. Only the binary
// handles signals: the rooms below are told through their arguments.
//
//   install_signal_handlers();
//   run_training(recipe, folder, resume, process_interrupt());
//   if (const int signal = process_interrupt().signal()) return 128 + signal;  // 130, 143
#pragma once

#include "base/interrupt.h"

namespace stemma::cli {

// The first SIGINT or SIGTERM is the interrupt; a SIGINT after that ends the process at once with
// 130. SIGXFSZ is ignored from then on, so that a limit on file sizes is an Error of the write.
void install_signal_handlers();

// Requested by SIGINT or SIGTERM.
Interrupt process_interrupt();
// As if no signal had come: where Ctrl-C ended an answer and not the program.
void forget_interrupt();

}  // namespace stemma::cli
