#include "cli/chat/line_input.h"

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stemma::cli {
namespace {

constexpr int kRemembered = 1000;  // lines

// Ctrl-C while a line is edited.
unsigned char on_interrupt(EditLine* editor, int) {
  const LineInfo* info = el_line(editor);
  const auto length = static_cast<int>(info->lastchar - info->buffer);
  if (length == 0) return CC_EOF;
  el_cursor(editor, static_cast<int>(info->lastchar - info->cursor));
  el_deletestr(editor, length);
  return CC_REFRESH;
}

}  // namespace

class LineInput::Editor {
 public:
  explicit Editor(std::filesystem::path file) : file_(std::move(file)) {
    std::setlocale(LC_CTYPE, "");
    editor_ = el_init("stemma", stdin, stdout, stderr);
    history_ = history_init();
    HistEvent event;
    ::history(history_, &event, H_SETSIZE, kRemembered);
    ::history(history_, &event, H_SETUNIQUE, 1);
    if (!file_.empty()) ::history(history_, &event, H_LOAD, file_.c_str());
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, prompt_of);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, ::history, history_);
    // Ctrl-C comes as a character as long as a line is edited, and as a signal otherwise.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_set(editor_, EL_ADDFN, "stemma-interrupt", "ends the line", on_interrupt);
    el_set(editor_, EL_BIND, "^C", "stemma-interrupt", nullptr);
  }
  ~Editor() {
    save();
    history_end(history_);
    el_end(editor_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  std::optional<std::string> read(const std::string& prompt) {
    prompt_ = prompt;
    int count = 0;
    const char* text = el_gets(editor_, &count);
    if (text == nullptr || count <= 0) return std::nullopt;
    std::string line(text, static_cast<std::size_t>(count));
    if (line.ends_with('\n')) line.pop_back();
    HistEvent event;
    if (!line.empty()) ::history(history_, &event, H_ENTER, line.c_str());
    return line;
  }

 private:
  static char* prompt_of(EditLine* editor) {
    Editor* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt_.data();
  }

  // What was said is nobody else's business. A history that cannot be kept is no reason to fail.
  void save() {
    if (file_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(file_.parent_path(), ignored);
    const mode_t before = ::umask(0077);
    HistEvent event;
    ::history(history_, &event, H_SAVE, file_.c_str());
    ::umask(before);
  }

  std::filesystem::path file_;
  std::string prompt_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
};

LineInput::LineInput(std::string prompt, const std::filesystem::path& history)
    : prompt_(std::move(prompt)) {
  if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO))
    editor_ = std::make_unique<Editor>(history);
}

LineInput::~LineInput() = default;

std::optional<std::string> LineInput::line(const std::string& prompt) {
  if (editor_) return editor_->read(prompt);
  std::string text;
  if (!std::getline(std::cin, text)) return std::nullopt;
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::optional<std::string> LineInput::read() {
  constexpr std::string_view kBlock = "\"\"\"";
  auto first = line(prompt_);
  if (!first) return std::nullopt;
  std::string text = *std::move(first);
  if (text.starts_with(kBlock)) {
    text.erase(0, kBlock.size());
    while (!text.ends_with(kBlock)) {
      const auto more = line(". ");
      if (!more) return text;
      text += (text.empty() ? "" : "\n") + *more;
    }
    text.resize(text.size() - kBlock.size());
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }
  while (text.ends_with('\\')) {
    text.back() = '\n';
    const auto more = line(". ");
    if (!more) break;
    text += *more;
  }
  return text;
}

std::filesystem::path chat_history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state != '\0')
    return std::filesystem::path(state) / "stemma" / "chat_history";
  if (home == nullptr || *home == '\0') return {};
  return std::filesystem::path(home) / ".local" / "state" / "stemma" / "chat_history";
}

}  // namespace stemma::cli
