// The completion view: continues a text as it stands, without a chat template.
import { answer, completion_logprobs, is_answering, read_completion_choice, stop_answering } from "./answering.js";
import { show_problem } from "./notices.js";
import { TokenView } from "./tokens.js";

const get = (id) => document.getElementById(id);
let written = "";

async function complete(event) {
  event.preventDefault();
  if (is_answering()) return;
  show_problem(null);
  const logprobs = completion_logprobs();
  const view = logprobs.logprobs ? new TokenView() : null;
  const text_node = document.createElement("div");
  text_node.className = "plain";
  const figures = document.createElement("p");
  figures.className = "figures";
  get("continuation").replaceChildren(view ? view.element : text_node, figures);
  written = "";
  get("complete").disabled = true;
  get("stop-completion").hidden = false;
  get("keep").hidden = true;
  try {
    const request = { model: get("model").value, prompt: get("prompt").value, max_tokens: 128, ...logprobs };
    figures.textContent = await answer("v1/completions", request, read_completion_choice, (text, tokens) => {
      written += text;
      if (view) tokens.forEach((token) => view.add(token));
      else text_node.append(text);
    });
  } catch (error) {
    show_problem(error);
  }
  get("complete").disabled = false;
  get("stop-completion").hidden = true;
  get("keep").hidden = !written;
}

export function start_completion() {
  get("completion-form").addEventListener("submit", complete);
  get("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) complete(event);
  });
  get("stop-completion").addEventListener("click", stop_answering);
  get("keep").addEventListener("click", () => {
    get("prompt").value += written;
    get("continuation").replaceChildren();
    get("keep").hidden = true;
    get("prompt").focus();
  });
}
