// The look of report.html: its style sheet, light and dark.
#pragma once

#include <string_view>

namespace stemma::tasks {

inline constexpr std::string_view kReportStyle = R"(
:root { color-scheme: light dark; --page: #ffffff; --card: #f5f7fa; --ink: #1c2430; --soft: #5b6776;
  --line: #dfe4ea; --right: #2563c9; --wrong: #d1492e; --bar: #9aa6b5; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --card: #1e242c; --ink: #e6eaf0;
  --soft: #9aa6b5; --line: #323b46; --right: #4c8df0; --wrong: #ec6a4c; --bar: #5b6776; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 32px 24px 64px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 40px 0 12px; }
p, .about { color: var(--soft); margin: 4px 0; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 12px;
  margin: 24px 0 8px; }
.card { background: var(--card); border-radius: 10px; padding: 14px 16px; }
.card b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card span { display: block; color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
td:first-child, .words td { overflow-wrap: anywhere; }
tr.mean td { color: var(--soft); }
tr.first td { border-top: 2px solid var(--line); }
td.place { white-space: nowrap; color: var(--soft); font-size: 13px; }
.words td { min-width: 7em; } td.text { min-width: 320px; white-space: pre-wrap; }
summary { cursor: pointer; color: var(--soft); margin-bottom: 8px; }
ul.notes { padding-left: 20px; color: var(--soft); }
.pictures { display: flex; flex-wrap: wrap; gap: 24px 48px; align-items: flex-start; }
svg { max-width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg text { fill: var(--soft); } svg .axis { font-weight: 600; } svg .count { fill: var(--ink); }
svg .on { fill: #ffffff; } .right { fill: var(--right); } .wrong { fill: var(--wrong); }
.more { fill: var(--right); fill-opacity: 0.35; }
.bar { fill: var(--bar); } .frame { fill: var(--card); } .grid { stroke: var(--line); }
.rule { fill: none; stroke: var(--soft); }
.ideal { stroke: var(--ink); stroke-dasharray: 5 4; stroke-width: 1.5; }
.loss, .dev { fill: none; stroke-width: 2; stroke-linejoin: round; } .loss { stroke: var(--right); }
.dev { stroke: var(--wrong); } .devdot, svg .devtext { fill: var(--wrong); }
svg .losstext { fill: var(--right); } svg .losstext, svg .devtext { font-weight: 600; }
)";

}  // namespace stemma::tasks
