// Files that lie in the program.
//
//   STEMMA_EMBED(stemma_page_style, STEMMA_PAGE "/style.css")   // at namespace scope of one source
//   const std::string_view text(stemma_page_style, stemma_page_style_end);
//
// symbol and symbol_end have C linkage, so their names are unique in the program. The path is an
// absolute one; the source's OBJECT_DEPENDS names the file, since no compiler sees it.
#pragma once

// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define STEMMA_EMBED(symbol, path)        \
  __asm__(                                \
      ".pushsection .rodata, \"a\"\n"     \
      ".global " #symbol                  \
      "\n"                                \
      ".global " #symbol "_end\n" #symbol \
      ":\n"                               \
      ".incbin \"" path "\"\n" #symbol    \
      "_end:\n"                           \
      ".byte 0\n"                         \
      ".popsection\n");                   \
  extern "C" const char symbol[];         \
  extern "C" const char symbol##_end[];
