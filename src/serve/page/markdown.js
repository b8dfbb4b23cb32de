// Markdown to elements: headings, paragraphs, lists, quotations, code, tables, emphasis and links.
// Text becomes text nodes and nothing else, so no answer can bring markup or scripts of its own.

const element = (name, ...children) => {
  const node = document.createElement(name);
  node.append(...children);
  return node;
};

const kInline = [
  [/^`([^`]+)`/, (m) => element("code", m[1])],
  [/^\*\*(?=\S)([^]+?\S)\*\*/, (m) => element("strong", ...inline(m[1]))],
  [/^__(?=\S)([^]+?\S)__/, (m) => element("strong", ...inline(m[1]))],
  [/^\*(?=\S)([^*]*?[^\s*])\*(?!\*)/, (m) => element("em", ...inline(m[1]))],
  [/^~~(?=\S)([^]+?\S)~~/, (m) => element("del", ...inline(m[1]))],
  [/^\[([^\]\n]+)\]\(([^()\s]+)\)/, (m) => link(m[2], ...inline(m[1]))],
  [/^https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"]/, (m) => link(m[0], m[0])],
];

// Only addresses that open a page or a mail.
function link(address, ...children) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return element("span", ...children);
  const a = element("a", ...children);
  a.href = address;
  a.rel = "noopener noreferrer nofollow";
  a.target = "_blank";
  return a;
}

function inline(text) {
  const out = [];
  let plain = "";
  for (let i = 0; i < text.length;) {
    if (text[i] === "\\" && /[\\`*_[\]~#>|-]/.test(text[i + 1] ?? "")) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    const found = /[`*_~[h]/.test(text[i]) && match_at(text, i);
    if (!found) {
      plain += text[i++];
      continue;
    }
    if (plain) out.push(plain);
    plain = "";
    out.push(found.node);
    i += found.length;
  }
  if (plain) out.push(plain);
  return out;
}

function match_at(text, i) {
  // snake_case and mid-word addresses stay text.
  if (/[_h]/.test(text[i]) && /\w/.test(text[i - 1] ?? "")) return null;
  const rest = text.slice(i, i + 2000);
  for (const [pattern, make] of kInline) {
    const match = pattern.exec(rest);
    if (match) return { node: make(match), length: match[0].length };
  }
  return null;
}

const kItem = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const kFence = /^\s{0,3}(```+|~~~+)\s*(\S*)/;
const kHeading = /^(#{1,6})\s+(.*?)\s*#*$/;
const kRule = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const begins_block = (line) =>
  kItem.test(line) || kFence.test(line) || kHeading.test(line) || kRule.test(line) || /^\s*>/.test(line);

function code_block(lines, at, out) {
  const [, fence, language] = kFence.exec(lines[at]);
  const text = [];
  for (++at; at < lines.length && !lines[at].trim().startsWith(fence); ++at) text.push(lines[at]);
  const code = element("code", text.join("\n"));
  if (language) code.dataset.language = language;
  const copy = element("button", "Copy");
  copy.type = "button";
  copy.className = "small";
  copy.addEventListener("click", () => navigator.clipboard?.writeText(code.textContent));
  const pre = element("pre", code);
  pre.tabIndex = 0;
  out.push(element("div", pre, copy));
  return at + 1;
}

function list_block(lines, at, out, depth) {
  const first = kItem.exec(lines[at]);
  const ordered = /\d/.test(first[2]);
  const list = element(ordered ? "ol" : "ul");
  if (ordered) list.start = parseInt(first[2], 10);
  while (at < lines.length) {
    const item = kItem.exec(lines[at]);
    if (!item || item[1].length < first[1].length || /\d/.test(item[2]) !== ordered) break;
    const inside = [item[3]];
    const margin = item[1].length + 2;
    for (++at; at < lines.length; ++at) {
      const deeper = /^\s*/.exec(lines[at])[0].length >= margin;
      const blank_inside = lines[at].trim() === "" && /^\s{2,}\S/.test(lines[at + 1] ?? "");
      if (!deeper && !blank_inside) break;
      inside.push(lines[at].slice(Math.min(margin, lines[at].length)));
    }
    list.append(element("li", ...blocks(inside, depth + 1, true)));
    while (lines[at]?.trim() === "" && kItem.test(lines[at + 1] ?? "")) ++at;
  }
  out.push(list);
  return at;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

function table_block(lines, at, out) {
  const row = (kind, line) => element("tr", ...cells(line).map((cell) => element(kind, ...inline(cell))));
  const body = element("tbody");
  const table = element("table", element("thead", row("th", lines[at])), body);
  for (at += 2; at < lines.length && lines[at].includes("|"); ++at) body.append(row("td", lines[at]));
  out.push(table);
  return at;
}

// Deeper nesting than anybody writes stays text.
const kDeepest = 12;

function blocks(lines, depth = 0, tight = false) {
  if (depth > kDeepest) return [lines.join("\n")];
  const out = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    const heading = kHeading.exec(line);
    if (line.trim() === "") {
      ++at;
    } else if (kFence.test(line)) {
      at = code_block(lines, at, out);
    } else if (heading) {
      out.push(element(`h${Math.min(6, heading[1].length + 2)}`, ...inline(heading[2])));
      ++at;
    } else if (kRule.test(line)) {
      out.push(element("hr"));
      ++at;
    } else if (kItem.test(line)) {
      at = list_block(lines, at, out, depth);
    } else if (/^\s*>/.test(line)) {
      const quoted = [];
      for (; at < lines.length && /^\s*>/.test(lines[at]); ++at) quoted.push(lines[at].replace(/^\s*> ?/, ""));
      out.push(element("blockquote", ...blocks(quoted, depth + 1)));
    } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) {
      at = table_block(lines, at, out);
    } else {
      const text = [line];
      for (++at; at < lines.length && lines[at].trim() !== "" && !begins_block(lines[at]); ++at) text.push(lines[at]);
      const nodes = inline(text.join("\n"));
      if (tight && out.length === 0) out.push(...nodes);
      else out.push(element("p", ...nodes));
    }
  }
  return out;
}

export function render_markdown(text) {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"));
}
