#include "data/labelled/delimited.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stemma::labelled {
namespace {

// Begins and ends with a quote, and all between are doubled: what a CSV writer makes of a cell.
bool is_quoted_cell(std::string_view cell, bool& has_inner) {
  if (cell.size() < 2 || cell.front() != '"' || cell.back() != '"') return false;
  const std::string_view inner = cell.substr(1, cell.size() - 2);
  for (std::size_t at = inner.find('"'); at != inner.npos; at = inner.find('"', at + 2)) {
    if (at + 1 == inner.size() || inner[at + 1] != '"') return false;
    has_inner = true;
  }
  return true;
}

void unquote(std::string& cell) {
  std::size_t to = 0;
  for (std::size_t from = 1; from + 1 < cell.size(); ++from) {
    cell[to++] = cell[from];
    if (cell[from] == '"') ++from;
  }
  cell.resize(to);
}

}  // namespace

void split_tsv(std::string_view line, const Delimiters& delimiters,
               std::vector<std::string>& cells) {
  std::size_t count = 0;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(line.find(delimiters.separator, begin), line.size());
    if (count == cells.size()) cells.emplace_back();
    cells[count++].assign(line, begin, end - begin);
    if (end == line.size()) break;
    begin = end + 1;
  }
  cells.resize(count);
  if (!delimiters.unquotes || line.find('"') == line.npos) return;
  std::size_t quoted = 0;
  bool ignored = false;
  for (const std::string& cell : cells) quoted += is_quoted_cell(cell, ignored);
  const bool all = quoted == count && count > 1;
  for (std::string& cell : cells)
    if (bool has_inner = false; is_quoted_cell(cell, has_inner) && (has_inner || all))
      unquote(cell);
}

bool Records::next(Lines& lines, Record& record) {
  line_.clear();
  record.blank = false;
  if (!lines.next(line_)) return false;
  record.line = lines.line();
  if (is_blank(line_) && line_.find(delimiters_.separator) == line_.npos) {
    record.cells.clear();
    record.blank = true;
  } else if (delimiters_.quoted) {
    read_csv(lines, record);
  } else {
    split_tsv(without_end(line_), delimiters_, record.cells);
  }
  return true;
}

void Records::read_csv(Lines& lines, Record& record) {
  std::size_t count = 0;
  std::string misplaced;
  for (std::size_t place = 0;;) {
    if (count == record.cells.size()) record.cells.emplace_back();
    std::string& cell = record.cells[count++];
    cell.clear();
    if (place < line_.size() && line_[place] == '"') place = read_quoted(lines, place + 1, cell);
    const std::size_t end = without_end(line_).size();
    const std::size_t stop = std::min(line_.find(delimiters_.separator, place), end);
    if (place > 0 && line_[place - 1] == '"' && stop > place && misplaced.empty())
      misplaced = line_.substr(place, std::min<std::size_t>(stop - place, 20));
    cell.append(line_, place, stop - place);
    if (stop == end) break;
    place = stop + 1;
  }
  record.cells.resize(count);
  if (!misplaced.empty())
    throw BadRow(fmt::format(
        "[rows] {}:{}: a quoted field must end at its closing quote, and '{}' follows one; write a "
        "quote inside a quoted field twice",
        lines.name(), record.line, misplaced));
}

std::size_t Records::read_quoted(Lines& lines, std::size_t place, std::string& cell) {
  const std::uint64_t first = lines.line();
  for (;;) {
    const std::size_t quote = line_.find('"', place);
    cell.append(line_, place, quote == line_.npos ? quote : quote - place);
    if (quote == line_.npos) {
      line_.clear();
      place = 0;
      if (cell.size() <= kLongestRowBytes && lines.next(line_)) continue;
      throw Error(ErrorCode::corrupt,
                  fmt::format("[rows] {}:{}: a field begins with a quote there, and {}; close it, "
                              "or write --data-format tsv where quotes are only text",
                              lines.name(), first,
                              cell.size() > kLongestRowBytes
                                  ? "after 64 MiB none has ended it"
                                  : "the file ends before the quote that closes it"));
    }
    place = quote + 1;
    if (place == line_.size() || line_[place] != '"') return place;
    cell += '"';
    ++place;
  }
}

std::vector<std::vector<std::string>> records_of(std::string_view text, bool whole,
                                                 const Delimiters& delimiters) {
  Lines lines = Lines::of_text(std::string(text));
  Records records(delimiters);
  std::vector<std::vector<std::string>> found;
  bool last_is_whole = whole;
  for (Record record;;) {
    try {
      if (!records.next(lines, record)) break;
      if (!record.blank) found.push_back(record.cells);
    } catch (const BadRow&) {
      continue;
    } catch (const Error&) {  // a quoted cell that the text ends in
      last_is_whole = true;
      break;
    }
  }
  if (!last_is_whole && found.size() > 1) found.pop_back();
  return found;
}

}  // namespace stemma::labelled
