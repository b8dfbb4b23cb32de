// What RowReader reads from: one class a format. Private to data/labelled.
//
//   std::unique_ptr<RowSource> source = table_rows(std::move(opened), delimiters);
//   for (Row row; source->next(row);) use(row);
//
// next() throws BadRow (delimited.h) for a row that can be left out; the next call goes on behind
// it. Anything else ends the reading.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/labelled/delimited.h"
#include "data/labelled/lines.h"
#include "data/labelled/rows.h"

namespace stemma::labelled {

// A file of which the format is known.
struct Opened {
  Lines lines;
  RowOptions options;
  Wanted wanted = Wanted::text;
  RowNotes notes = {};
};

class RowSource {
 public:
  explicit RowSource(Opened opened) : opened_(std::move(opened)) {}
  virtual ~RowSource() = default;
  // Fills a row that is empty but for what it may keep of its memory.
  virtual bool next(Row& row) = 0;
  RowNotes& notes() { return opened_.notes; }
  const Lines& lines() const { return opened_.lines; }

 protected:
  Opened opened_;
};

// Throw invalid_argument for options that do not fit the file.
std::unique_ptr<RowSource> table_rows(Opened opened, Delimiters delimiters);
std::unique_ptr<RowSource> json_rows(Opened opened);
std::unique_ptr<RowSource> conll_rows(Opened opened);
std::unique_ptr<RowSource> line_rows(Opened opened);

// Throws BadRow for bytes that are not UTF-8.
void check_utf8(const std::string& place, std::string_view bytes);
// And for a text of white space. what: "the text", "column 'review'".
void check_text(const std::string& place, std::string_view what, std::string_view text);
// Appends the labels of a cell: one, or several between separators; of white space: none.
void append_labels(std::string_view cell, const std::string& separator,
                   std::vector<std::string>& labels);

}  // namespace stemma::labelled
