// The documents of a list of text files, one after the other, in bounded memory.
//
//   DocumentReader reader(expand_files({"books/", "web.jsonl.zst"}), {});
//   Document document;
//   while (reader.next(document)) use(document.text);
//
// Formats, by name; each also as `.gz` and `.zst`:
//   `.jsonl`, `.ndjson`  one JSON object a line, the text in one field; blank lines are skipped;
//   anything else        plain text of any bytes. Where the file has lines that are exactly
//                        `<|endoftext|>`, each of them ends a document. A file without such lines
//                        is cut at blank lines: at the first one after 64 kB, or, where none comes,
//                        at the first line end after 128 kB. (To know which, such a file is read
//                        twice.)
// A plain text document is an exact run of bytes of the file: the documents joined, with the mark
// lines between them, are the file again, less a byte order mark at its start and documents of
// white space only, which are left out everywhere.
//
// Memory: the longest document (JSONL: several times the longest row) and a few hundred kB. One
// thread at a time. Throws what byte_source.h throws; corrupt, naming file and line, for a row that
// is not valid JSON, not an object or without the field as a string; unsupported for a document or
// row above `limit_bytes` and for file types that are not text (.xz, .zip, .parquet, ...).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/byte_source.h"

namespace stemma {

struct DocumentOptions {
  std::string text_field = "text";           // of a JSONL row
  std::uint64_t group_bytes = 64 << 10;      // of plain text without marks
  std::uint64_t limit_bytes = 256ull << 20;  // the longest document or row
};

struct Document {
  std::string text;
  std::size_t file = 0;    // index into files()
  std::uint64_t line = 0;  // where it starts, counted from 1
};

// Folders become the files in them and below, sorted by path, without names that begin with a dot.
// Throws not_found (nothing of that name), unsupported (not a regular file, or not a text type).
std::vector<std::filesystem::path> expand_files(const std::vector<std::filesystem::path>& paths);

class DocumentReader {
 public:
  // Throws invalid_argument for options that cannot work.
  DocumentReader(std::vector<std::filesystem::path> files, DocumentOptions options);

  // Replaces `document` by the next one; false at the end of the last file.
  bool next(Document& document);

  const std::vector<std::filesystem::path>& files() const { return files_; }
  // Bytes on disk read so far, of total_bytes().
  std::uint64_t position_bytes() const;
  std::uint64_t total_bytes() const { return total_bytes_; }

 private:
  enum class Kind { jsonl, marked, unmarked };

  void open_file();
  bool next_row(std::string& text);
  bool next_marked(std::string& text);
  bool next_group(std::string& text);

  std::vector<std::filesystem::path> files_;
  DocumentOptions options_;
  std::size_t next_file_ = 0;
  std::uint64_t total_bytes_ = 0, finished_bytes_ = 0;
  std::unique_ptr<LineReader> lines_;
  Kind kind_ = Kind::unmarked;
  std::string row_;      // the JSONL row being read
  std::string pending_;  // the first line of the next group
};

}  // namespace stemma
