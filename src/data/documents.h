// The documents of text files, one after the other, in bounded memory.
//
//   DocumentReader reader(find_text_files({"books/", "web.jsonl.zst"}), {});
//   Document document;
//   while (reader.next(document)) use(document.text);
//   log_reading(reader);
//
// JSON lines: one JSON object a line, the text in one field; blank lines are skipped. A row that
// cannot be read stops the reading, or is counted and left out (bad_rows).
//
// Anything else is plain text of any bytes. Where the file has lines that hold `<|endoftext|>` and
// at most blanks beside it, each of them ends a document. A file without such lines is cut at blank
// lines: at the first one after 64 kB, or, where none comes, at the first line end after 128 kB.
// (To know which, and whether it is UTF-8, plain text is read twice.) A plain text document is an
// exact run of bytes of the file: the documents joined, with the mark lines between them, are the
// file again, less a byte order mark at its start and documents of white space only, which are left
// out everywhere. Marks inside lines are text, and counted; document_mark "anywhere" lets them end
// documents too.
//
// Memory: the longest document (JSON lines: several times the longest row) and a few hundred kB.
// One thread at a time. Throws what byte_source.h throws; corrupt, naming file and line, for a row
// that is not valid JSON, not an object or without the field as a string, and where more rows than
// bad_rows_limit were left out, and where more than one character in a thousand of a plain text is
// not UTF-8 (strict: where any is), unless it was found in a folder: then it is left out;
// unsupported for a document or row above `limit_bytes`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"
#include "data/byte_source.h"
#include "data/text_files.h"

namespace stemma {

struct DocumentOptions {
  std::string text_field = "text";           // of a row of JSON lines
  std::string document_mark = "line";        // or "anywhere": <|endoftext|> inside lines too
  std::string bad_rows = "stop";             // or "skip"
  double bad_rows_limit = 0.01;              // as a share of all rows, where they are skipped
  bool strict = false;                       // what is no text is an error, in folders too
  std::uint64_t group_bytes = 64 << 10;      // of plain text without marks
  std::uint64_t limit_bytes = 256ull << 20;  // the longest document or row
};

// The options as every command has them.
void declare(DocumentOptions& documents, OptionSet& options);
// The text in files, folders and standard input, read with these options.
TextFiles find_documents(const std::vector<std::filesystem::path>& paths,
                         const DocumentOptions& options);

struct Document {
  std::string text;
  std::size_t file = 0;    // index into found().files
  std::uint64_t line = 0;  // where it starts, counted from 1
};

// What was noticed while reading.
struct ReadingNotes {
  std::int64_t documents = 0, empty_rows = 0;
  std::uint64_t text_bytes = 0;  // of the documents
  // Characters that are not UTF-8 and stay as they lie, and halves of UTF-16 that became U+FFFD.
  std::uint64_t damaged = 0, replaced = 0;
  std::string first_damaged;  // "book.txt:40"
  std::int64_t rows = 0, bad_rows = 0;
  std::vector<std::string> first_bad_rows;  // "web.jsonl:17: ...", at most ten
  std::int64_t marks_in_rows = 0;           // rows whose text has the mark of a document in it
  std::int64_t marks_inside = 0;            // lines of text with the mark of a document in them
  std::string first_mark_inside;            // "book.txt:40"
};

class DocumentReader {
 public:
  // Throws invalid_argument for options that cannot work.
  DocumentReader(TextFiles found, DocumentOptions options);

  // Replaces `document` by the next one; false at the end of the last file.
  bool next(Document& document);

  const TextFiles& found() const { return found_; }
  const ReadingNotes& notes() const { return notes_; }
  // Bytes on disk read so far, of total_bytes().
  std::uint64_t position_bytes() const;
  std::uint64_t total_bytes() const { return total_bytes_; }

 private:
  enum class Kind { jsonl, marked, unmarked };

  const TextFile& file() const { return found_.files[next_file_ - 1]; }
  std::string place() const;
  void open_file();
  // A look through a plain text: whether it has marks, and its damage. False: it is left out.
  bool survey(const TextFile& file);
  void note_mark(std::string_view line);
  void check_bad_rows() const;
  bool next_row(std::string& text);
  bool next_marked(std::string& text);
  bool next_group(std::string& text);

  TextFiles found_;
  DocumentOptions options_;
  bool anywhere_;  // options_.document_mark
  ReadingNotes notes_;
  std::size_t next_file_ = 0;
  std::uint64_t total_bytes_ = 0, finished_bytes_ = 0;
  std::unique_ptr<LineReader> lines_;
  Kind kind_ = Kind::unmarked;
  std::string row_;      // the JSONL row being read
  std::string pending_;  // what the next document begins with
};

// Says what was left out, skipped and nearly a mark, each in one line.
void log_reading(const DocumentReader& reader);

}  // namespace stemma
