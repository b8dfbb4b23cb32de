// Ctrl-C and SIGTERM as a flag that long work looks at between two steps, so that it can end with
// everything saved. Only cli/ installs the handlers; a library that is used elsewhere leaves the
// process's signals alone, and the flag stays 0.
//
//   while (step < steps && interrupt_requested() == 0) ...
//   if (const int signal = interrupt_requested()) { save(); return 128 + signal; }  // 130, 143
#pragma once

namespace stemma {

// The first SIGINT or SIGTERM sets the flag; a SIGINT after that ends the process at once with 130.
// SIGXFSZ is ignored from then on, so that a limit on file sizes is an Error of the write.
void install_interrupt_handlers();

// 0, SIGINT or SIGTERM. From any thread.
int interrupt_requested();

}  // namespace stemma
