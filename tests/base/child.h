// Runs a function in a child process and keeps what it writes to standard error.
#pragma once

#include <string>

#include <sys/wait.h>
#include <unistd.h>

struct ChildResult {
  int status = 0;  // as from waitpid
  std::string error_output;
};

template <class Body>
ChildResult run_in_child(Body body) {
  int ends[2];
  if (::pipe(ends) != 0) return {-1, "pipe failed"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  ChildResult result;
  char buffer[4096];
  for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    result.error_output.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  ::waitpid(child, &result.status, 0);
  return result;
}
