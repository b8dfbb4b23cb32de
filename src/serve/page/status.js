// The status view: what /metrics says, as curves of the last two minutes.
import { get_text } from "./api.js";
import { show_problem } from "./notices.js";

const kSeconds = 120;
let timer = null, last = null;

const whole = (value) => value.toFixed(value < 10 && value % 1 ? 1 : 0);
const kPlots = [
  ["Tokens written a second", (m, rate) => rate("stemma_generation_tokens_total"), whole],
  ["Tokens of prompts a second", (m, rate) => rate("stemma_prompt_tokens_total"), whole],
  ["Requests running", (m) => m("stemma_num_requests_running"), whole],
  ["Requests waiting", (m) => m("stemma_num_requests_waiting"), whole],
  ["Requests in a pass, on average", (m, rate, mean) => mean("stemma_batch_size"), whole],
  ["Cache in use (the fullest)", (m) => 100 * m("stemma_kv_cache_usage_perc"), (v) => `${v.toFixed(0)} %`],
  ["Tokens of prompts found in the cache", (m, rate) => rate("stemma_prompt_tokens_cached_total"), whole],
  ["Memory", (m) => m("process_resident_memory_bytes") / 1e6, (v) => `${v.toFixed(0)} MB`],
];
const curves = [];

// Values by name. Of several models counts are added up, and of shares the largest one stands.
function read_metrics(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (!match || match[1].endsWith("_bucket")) continue;
    const [, name, value] = match;
    const before = values.get(name) ?? 0;
    values.set(name, name.endsWith("_perc") ? Math.max(before, Number(value)) : before + Number(value));
  }
  return values;
}

const kNamespace = "http://www.w3.org/2000/svg";
function new_curve([title, value, format]) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const now = document.createElement("b");
  caption.append(title, now);
  const svg = document.createElementNS(kNamespace, "svg");
  svg.setAttribute("viewBox", `0 0 ${kSeconds} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const axis = document.createElementNS(kNamespace, "line");
  axis.setAttribute("class", "axis");
  for (const [name, at] of [["x1", 0], ["x2", kSeconds], ["y1", 99], ["y2", 99]]) axis.setAttribute(name, at);
  const line = document.createElementNS(kNamespace, "polyline");
  svg.append(axis, line);
  figure.append(caption, svg);
  document.getElementById("plots").append(figure);
  return { value, format, now, line, points: [] };
}

function draw(curve, value) {
  curve.points.push(value);
  if (curve.points.length > kSeconds) curve.points.shift();
  const most = Math.max(1, ...curve.points);
  const start = kSeconds - curve.points.length;
  curve.line.setAttribute("points", curve.points.map((p, i) => `${start + i},${99 - 94 * (p / most)}`).join(" "));
  curve.now.textContent = `${curve.format(value)} (most ${curve.format(Math.max(...curve.points))})`;
}

async function read() {
  try {
    const values = read_metrics(await get_text("metrics"));
    const at = performance.now();
    const value = (name) => values.get(name) ?? 0;
    const change = (name) => value(name) - (last?.values.get(name) ?? value(name));
    const seconds = last ? (at - last.at) / 1000 : 1;
    const rate = (name) => change(name) / seconds;
    const mean = (name) => change(`${name}_sum`) / Math.max(1, change(`${name}_count`));
    for (const curve of curves) draw(curve, Math.max(0, curve.value(value, rate, mean)));
    last = { values, at };
    show_problem(null);
  } catch (error) {
    show_problem(error);
  }
}

// Reads while the view is open and the page is seen.
export function show_status(open) {
  if (!curves.length) curves.push(...kPlots.map(new_curve));
  clearInterval(timer);
  timer = null;
  if (!open) return;
  read();
  timer = setInterval(() => { if (!document.hidden) read(); }, 1000);
}

export function set_served(models) {
  const row = (model) => {
    const line = document.createElement("tr");
    const { can, task, context, base } = model.stemma;
    for (const text of [model.id, task ? `${can.join(", ")} (${task})` : can.join(", "), context, base ?? "–"]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      line.append(cell);
    }
    return line;
  };
  document.querySelector("#served tbody").replaceChildren(...models.map(row));
}
