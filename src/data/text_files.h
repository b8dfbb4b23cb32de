// Finds the text among what a user names: files, folders with everything below them, and standard
// input. The one place that decides what every command reads.
//
//   const TextFiles found = find_text_files({"books/", "web.jsonl.zst", "-"});
//   log_found(found);
//   DocumentReader reader(found.files, {});
//
// What is text is decided by content (text_content.h): gzip and zstd are decompressed, UTF-16 and
// UTF-32 with a byte-order mark converted. JSON lines are known by their names (.jsonl, .ndjson)
// or by their content: objects with the text field, or, where the name says nothing (.json, no
// extension, standard input), any objects. In
// folders, names that begin with a dot are passed over, links are followed, and what is no text is
// left out; a file that is named itself must be text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/text_file.h"

namespace stemma {

struct LeftOut {
  std::filesystem::path path;
  std::string reason;
};

struct TextFiles {
  std::vector<TextFile> files;  // in the order of the names; of a folder sorted by path
  std::vector<LeftOut> left_out;
  // Files whose names say plain text and whose lines are JSON objects: with the text field, which
  // are read as rows, and without it, which are not.
  std::vector<std::filesystem::path> rows_by_content, rows_read_as_text;
  std::int64_t hidden = 0;  // names in folders that begin with a dot
};

struct FindOptions {
  bool strict = false;              // a file of a folder that is no text is an error too
  std::string text_field = "text";  // rows of JSON in a folder must have it
};
// Throws not_found (nothing of that name; a link whose target is missing), unsupported (a named
// file is no text; a folder holds none; naming what it is and what to do), corrupt (damaged
// compression), device (cannot be read).
TextFiles find_text_files(const std::vector<std::filesystem::path>& paths,
                          const FindOptions& options = {});

// The extension of a name without that of its compression, in lower case: "books.JSONL.gz" →
// ".jsonl".
std::string text_extension(const std::filesystem::path& path);

// All of a file (- is standard input) as text for those who take any bytes: decompressed, UTF-16
// and UTF-32 converted, and with a warning where it is no text. Throws as above, unsupported above
// 4 GiB.
std::string read_any_text(const std::filesystem::path& path);

// All bytes of a pipe, or of standard input (-), as they come. Throws device, and InterruptedWait.
std::string read_pipe(const std::filesystem::path& path);

// The file for a stream of the same (byte_source.h). A warning says that the JSON of rows is read
// as text, unless rows are what is wanted.
enum class Rows : std::uint8_t { as_text, wanted };
TextFile open_any_text(const std::filesystem::path& path, Rows rows = Rows::as_text);

// One line on what was left out, with the first names and reasons; nothing where nothing was.
std::string describe_left_out(const TextFiles& found);
// That, the files that are converted from other encodings, and those that look like rows.
void log_found(const TextFiles& found);

}  // namespace stemma
