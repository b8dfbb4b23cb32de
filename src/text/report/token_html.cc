#include "text/report/token_html.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "text/report/visible_text.h"

namespace stemma::report {
namespace {

// A token of a hostile vocabulary may be megabytes long.
constexpr std::size_t kPageTokenBytes = 200, kPageHexBytes = 32;
constexpr int kPageColours = 6;

constexpr std::string_view kPageStyle = R"(
:root{color-scheme:light dark;--back:#fbfbfa;--card:#fff;--ink:#1d1d1f;--soft:#6e6e76;--line:#e3e3e6;
--bar:#5b7fd6;--c0:#d7e6ff;--c1:#ffe3c2;--c2:#cdf0d4;--c3:#ffd9e0;--c4:#e6dcff;--c5:#fbf3b4}
@media(prefers-color-scheme:dark){:root{--back:#151517;--card:#1e1e21;--ink:#ececf0;--soft:#9a9aa5;
--line:#34343a;--bar:#86a5f0;--c0:#22406b;--c1:#5f3f16;--c2:#1f5230;--c3:#66303c;--c4:#443270;
--c5:#514a12}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:90rem;margin:0 auto;padding:1.5rem;display:grid;gap:1.5rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
header{max-width:90rem;margin:0 auto;padding:1.5rem 1.5rem 0}
h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:0 0 .75rem}
h3{font-size:.95rem;margin:1.5rem 0 .5rem}p{margin:.25rem 0;color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem;min-width:0}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.75rem;margin:0}
dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
.text,td.t,.unused{font-family:ui-monospace,Menlo,Consolas,monospace}
.text{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.75;font-size:.88rem;max-height:36rem;
overflow:auto;border:1px solid var(--line);border-radius:8px;padding:.75rem}
.text bdi{border-radius:3px;padding:.1em 0}
.c0{background:var(--c0)}.c1{background:var(--c1)}.c2{background:var(--c2)}
.c3{background:var(--c3)}.c4{background:var(--c4)}.c5{background:var(--c5)}
.text bdi:hover{outline:2px solid var(--ink)}
i{font-style:normal;opacity:.55}
.lists{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr));gap:0 2rem}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th{text-align:left;color:var(--soft);font-weight:400}
td,th{padding:.2rem .5rem .2rem 0;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.t{overflow-wrap:anywhere}
svg{width:100%;max-width:36rem;height:auto;display:block}svg rect{fill:var(--bar)}svg text{fill:var(--soft);font-size:11px}
details{margin-top:1.5rem}summary{cursor:pointer;font-size:.95rem;font-weight:600}
.unused{display:flex;flex-wrap:wrap;gap:.3rem;margin-top:.75rem;font-size:.8rem}
.unused bdi{border:1px solid var(--line);border-radius:4px;padding:0 .3rem;overflow-wrap:anywhere}
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

// Signs in a colour of their own; `lines`: a line ends where the token ends one.
std::string token_markup(std::string_view bytes, bool lines) {
  std::string out;
  for (const VisiblePart& part : visible_parts(bytes, kPageTokenBytes)) {
    out += part.stands_for ? "<i>" + escaped(part.text) + "</i>" : escaped(part.text);
    if (lines && part.ends_line) out += '\n';
  }
  return out;
}

std::string hint_of(std::int32_t id, std::string_view bytes) {
  return fmt::format("id {}, {} byte{}: {}", id, bytes.size(), bytes.size() == 1 ? "" : "s",
                     hex_of(bytes, kPageHexBytes));
}

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string tokens_markup(const InspectedText& one, const TokenPageOptions& options) {
  std::string spans;
  std::size_t shown = 0, bytes = 0;
  for (; shown < std::min(one.ids.size(), options.shown_tokens); ++shown) {
    const std::string_view token = one.tokenizer.bytes_of(one.ids[shown]);
    if (shown > 0 && bytes + token.size() > options.shown_bytes) break;
    bytes += token.size();
    // A line may end between tokens: "·" alone would not let it.
    spans += fmt::format("<bdi class=c{} title=\"{}\">{}</bdi><wbr>", shown % kPageColours,
                         hint_of(one.ids[shown], token), token_markup(token, true));
  }
  const std::string share =
      shown == one.ids.size()
          ? "All of the text."
          : fmt::format(
                "The first {} of {} tokens ({} of {} bytes); the figures are of the whole text.",
                grouped(shown), grouped(one.ids.size()), grouped(bytes),
                grouped(one.statistics.bytes));
  return fmt::format(
      "<h3>Tokens</h3><p>{} · space, ⇥ tab, ↵ line end, ‹e2 80› bytes of a "
      "character that is split.</p>\n<div class=text dir=ltr>{}</div>\n",
      share, spans);
}

std::string figures_markup(const TokenStatistics& s) {
  std::string list;
  const auto add = [&](std::string_view name, const std::string& value) {
    list += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
  };
  add("tokens", grouped(s.tokens));
  add("bytes", grouped(s.bytes));
  add("characters", grouped(s.characters));
  add("words", grouped(s.words));
  add("bytes per token", fmt::format("{:.3f}", s.bytes_per_token()));
  add("characters per token", fmt::format("{:.3f}", s.characters_per_token()));
  add("tokens per word", fmt::format("{:.3f}", s.fertility()));
  add("vocabulary used", fmt::format("{:.2f} %", 100 * s.share_used()));
  add("used", fmt::format("{} of {}", grouped(s.used), grouped(s.vocabulary)));
  add("invalid bytes", grouped(s.invalid_bytes));
  return fmt::format("<dl>{}</dl>\n{}", list,
                     s.exact ? ""
                             : "<p>This tokenizer changes the text: its tokens joined are not "
                               "the same bytes.</p>\n");
}

std::string histogram_markup(const TokenStatistics& s) {
  constexpr int kWidth = 480, kHeight = 130, kTop = 16, kBottom = 112;
  constexpr int kStep = kWidth / static_cast<int>(TokenStatistics::kLengths);
  const std::uint64_t most =
      std::max<std::uint64_t>(1, *std::max_element(s.lengths.begin(), s.lengths.end()));
  std::string bars;
  for (std::size_t i = 0; i < s.lengths.size(); ++i) {
    const double height =
        (kBottom - kTop) * static_cast<double>(s.lengths[i]) / static_cast<double>(most);
    const double share =
        s.tokens == 0 ? 0 : 100 * static_cast<double>(s.lengths[i]) / static_cast<double>(s.tokens);
    const int x = static_cast<int>(i) * kStep;
    bars += fmt::format(
        "<rect x={} y={:.1f} width={} height={:.1f} rx=2><title>{} bytes: {} tokens"
        "</title></rect><text x={} y={:.1f} text-anchor=middle>{}</text>"
        "<text x={} y=126 text-anchor=middle>{}{}</text>",
        x + 3, kBottom - height, kStep - 6, height, i + 1, grouped(s.lengths[i]), x + kStep / 2,
        kBottom - height - 4, share >= 0.5 ? fmt::format("{:.0f}%", share) : "", x + kStep / 2,
        i + 1, i + 1 == s.lengths.size() ? "+" : "");
  }
  return fmt::format(
      "<h3>Bytes of a token</h3><svg viewBox=\"0 0 {} {}\" role=img "
      "aria-label=\"share of the tokens by their bytes\">{}</svg>\n",
      kWidth, kHeight, bars);
}

std::string list_markup(std::string_view heading, const Tokenizer& tokenizer,
                        std::span<const TokenFrequency> list) {
  std::string rows;
  for (const TokenFrequency& one : list) {
    const std::string_view bytes = tokenizer.bytes_of(one.id);
    rows +=
        fmt::format("<tr><td class=t><bdi title=\"{}\">{}</bdi><td class=n>{}<td class=n>{}\n",
                    hint_of(one.id, bytes), token_markup(bytes, false), one.id, grouped(one.count));
  }
  return fmt::format(
      "<div><h3>{}</h3><table><tr><th>token<th class=n>id<th class=n>times\n{}"
      "</table></div>\n",
      heading, rows);
}

std::string unused_markup(const InspectedText& one, std::size_t listed) {
  const std::vector<std::int32_t>& unused = one.statistics.unused;
  const std::size_t count = std::min(listed, unused.size());
  std::string tokens;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view bytes = one.tokenizer.bytes_of(unused[i]);
    tokens += fmt::format("<bdi title=\"{}\">{}</bdi>", hint_of(unused[i], bytes),
                          token_markup(bytes, false));
  }
  const std::string note =
      count < unused.size() ? fmt::format("<p>The first {} by id.</p>", grouped(count)) : "";
  return fmt::format(
      "<details><summary>Unused vocabulary: {} tokens</summary>{}"
      "<div class=unused>{}</div></details>\n",
      grouped(unused.size()), note, tokens);
}

}  // namespace

std::string token_page(std::span<const InspectedText> texts, const TokenPageOptions& options) {
  const std::string title = escaped(visible_text(options.title, kPageTokenBytes));
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width\">\n"
      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n<title>Tokens of {0}</title>\n<style>{1}</style>\n"
      "<header><h1>Tokens of {0}</h1></header>\n<main>\n",
      title, kPageStyle);
  for (const InspectedText& one : texts) {
    page += fmt::format("<section><h2>{}</h2>\n", escaped(visible_text(one.name, kPageTokenBytes)));
    page += figures_markup(one.statistics);
    page += tokens_markup(one, options);
    page += histogram_markup(one.statistics);
    page += "<div class=lists>";
    page += list_markup("Most frequent", one.tokenizer, one.statistics.most_frequent);
    page += list_markup("Longest", one.tokenizer, one.statistics.longest);
    page += "</div>\n";
    page += unused_markup(one, options.listed_unused);
    page += "</section>\n";
  }
  return page + "</main>\n</html>\n";
}

}  // namespace stemma::report
