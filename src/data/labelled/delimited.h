// The records of a table in text: CSV (RFC 4180) and TSV.
//
//   Records records({.separator = ',', .quoted = true});
//   Record record;
//   while (records.next(lines, record)) use(record.cells);
//
// CSV: a cell that begins with a quote ends at the next single quote; "" in it is one quote, and it
// may hold separators and line ends. A quote inside a cell that does not begin with one is text.
//
// TSV: a line is a record and quotes are text, as in the files of GLUE. But programs that know CSV
// write TSV too, and quote a cell that holds a quote. So a cell loses its quotes where it begins
// and ends with one, all quotes between are doubled, and there are some: nobody else writes that.
// "A sentence in quotes." stays as it is, unless every cell of its line (two at least) is quoted.
//
// Private to data/labelled. Throws BadRow for text behind a closing quote, corrupt for a quoted
// cell that the file ends in or that has more than kLongestRowBytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/labelled/lines.h"

namespace stemma::labelled {

// A row that can be left out.
class BadRow : public Error {
 public:
  explicit BadRow(const std::string& message) : Error(ErrorCode::corrupt, message) {}
};

struct Delimiters {
  char separator = '\t';
  bool quoted = false;   // CSV
  bool unquotes = true;  // TSV: cells that a CSV writer quoted
};

struct Record {
  std::vector<std::string> cells;
  std::uint64_t line = 0;  // where it begins
  bool blank = false;      // a line with nothing in it
};

// The cells of a TSV line.
void split_tsv(std::string_view line, const Delimiters& delimiters,
               std::vector<std::string>& cells);

class Records {
 public:
  explicit Records(Delimiters delimiters) : delimiters_(delimiters) {}
  // False at the end.
  bool next(Lines& lines, Record& record);

 private:
  void read_csv(Lines& lines, Record& record);
  // Appends the quoted cell that begins at `place` of line_, and returns where it ends.
  std::size_t read_quoted(Lines& lines, std::size_t place, std::string& cell);

  Delimiters delimiters_;
  std::string line_;
};

// As many whole records as the text begins with, for the decisions about columns. Those that are
// damaged are left out. whole: the text ends where the file does.
std::vector<std::vector<std::string>> records_of(std::string_view text, bool whole,
                                                 const Delimiters& delimiters);

}  // namespace stemma::labelled
