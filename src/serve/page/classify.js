// The classify view: fine-tuned models, their probabilities and the names that they mark.
import { post_json } from "./api.js";
import { show_problem } from "./notices.js";

const get = (id) => document.getElementById(id);
let models = [];

const kAsks = {
  classification: "a text, sorted into classes",
  tokens: "a text, in which names are marked",
  entailment: "two texts: does the second follow from the first?",
  similarity: "two texts: how alike are they?",
  choice: "the beginning of a text and how it may go on",
};

const chosen = () => models.find((model) => model.id === get("classifier").value);

function show_fields() {
  const task = chosen()?.stemma.task;
  get("classify-task").textContent = kAsks[task] ?? "";
  get("second-field").hidden = !["entailment", "similarity"].includes(task);
  get("choices-field").hidden = task !== "choice";
  get("classes").replaceChildren();
}

function bar(name, value) {
  const row = document.createElement("div");
  row.className = "bar";
  const label = document.createElement("span");
  label.textContent = name;
  label.title = name;
  const progress = document.createElement("progress");
  progress.max = 1;
  progress.value = value;
  progress.setAttribute("aria-label", name);
  const figure = document.createElement("span");
  figure.textContent = `${(100 * value).toFixed(1)} %`;
  row.append(label, progress, figure);
  return row;
}

// Offsets count bytes of UTF-8.
function marked(text, entities) {
  const bytes = new TextEncoder().encode(text);
  const decode = (begin, end) => new TextDecoder().decode(bytes.subarray(begin, end));
  const line = document.createElement("p");
  let at = 0;
  for (const entity of entities) {
    if (entity.begin < at) continue;
    const mark = document.createElement("mark");
    const kind = document.createElement("small");
    kind.textContent = entity.label;
    mark.append(decode(entity.begin, entity.end), kind);
    line.append(decode(at, entity.begin), mark);
    at = entity.end;
  }
  line.append(decode(at, bytes.length));
  return line;
}

function show(answer, text) {
  const out = [];
  if (answer.entities) {
    out.push(marked(text, answer.entities));
    if (!answer.entities.length) out.push("No names were found.");
  } else if (answer.score !== undefined) {
    const line = document.createElement("p");
    line.textContent = `Score: ${answer.score.toFixed(3)}`;
    out.push(line);
  } else {
    const line = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = answer.label ?? ((answer.labels ?? []).join(", ") || "none of the labels");
    line.append(strong);
    out.push(line);
  }
  const probabilities = Object.entries(answer.probabilities ?? {}).sort((a, b) => b[1] - a[1]);
  out.push(...probabilities.slice(0, 20).map(([name, value]) => bar(name, value)));
  if (answer.cut_tokens) out.push(`The model reads the beginning only: ${answer.cut_tokens} tokens were cut.`);
  get("classes").replaceChildren(...out);
}

async function classify(event) {
  event.preventDefault();
  const model = chosen();
  const text = get("classify-text").value;
  let row = text;
  if (["entailment", "similarity"].includes(model.stemma.task)) row = { text, second: get("classify-second").value };
  if (model.stemma.task === "choice")
    row = { text, choices: get("classify-choices").value.split("\n").filter((line) => line.trim()) };
  get("classify").disabled = true;
  try {
    show_problem(null);
    show((await post_json("v1/classify", { model: model.id, input: [row] })).data[0], text);
  } catch (error) {
    show_problem(error);
  }
  get("classify").disabled = false;
}

export function start_classify() {
  get("classify-form").addEventListener("submit", classify);
  get("classifier").addEventListener("change", show_fields);
}

export function set_classifiers(list) {
  models = list;
  get("classify-none").hidden = list.length > 0;
  get("classify-form").hidden = list.length === 0;
  get("classifier").replaceChildren(...list.map((model) => new Option(model.id)));
  show_fields();
}
