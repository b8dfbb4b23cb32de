// The chat view: conversations with branches, streamed answers, edit, retry and stop.
import { answer, chat_logprobs, is_answering, read_chat_choice, stop_answering } from "./answering.js";
import {
  add_message, as_text, forget, keep, new_conversation, path_of, read_exported, show_branch,
  siblings_of, stored_conversations,
} from "./conversations.js";
import { render_markdown } from "./markdown.js";
import { show_problem } from "./notices.js";
import { TokenView } from "./tokens.js";

const get = (id) => document.getElementById(id);
let conversations = [], current = new_conversation();

const button = (text, label, action) => {
  const node = document.createElement("button");
  node.type = "button";
  node.className = "small";
  node.textContent = text;
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", action);
  return node;
};

function show_list() {
  get("conversations").replaceChildren(...conversations.map((conversation) => {
    const item = document.createElement("li");
    const open = button(conversation.title, "", () => open_conversation(conversation));
    open.title = new Date(conversation.created).toLocaleString();
    if (conversation === current) open.setAttribute("aria-current", "true");
    item.append(open, button("✕", `Delete “${conversation.title}”`, () => remove(conversation)));
    return item;
  }));
}

function open_conversation(conversation) {
  stop_answering();
  current = conversation;
  show_list();
  show_messages();
}

async function remove(conversation) {
  if (!confirm(`Delete “${conversation.title}”?`)) return;
  conversations = conversations.filter((other) => other !== conversation);
  await forget(conversation.id);
  open_conversation(conversation === current ? new_conversation() : current);
}

function body_of(node) {
  const body = document.createElement("div");
  body.className = "answer";
  if (node.tokens?.length) {
    const view = new TokenView();
    node.tokens.forEach((token) => view.add(token));
    body.append(view.element);
  } else if (node.role === "assistant") {
    body.append(...render_markdown(node.content));
  } else {
    body.classList.add("plain");
    body.textContent = node.content;
  }
  return body;
}

function branch_buttons(node) {
  const siblings = siblings_of(current, node);
  if (siblings.length < 2) return [];
  const at = siblings.indexOf(node);
  const go = (step) => () => {
    show_branch(current, siblings[(at + step + siblings.length) % siblings.length]);
    keep(current);
    show_messages();
  };
  const place = document.createElement("span");
  place.className = "figures";
  place.textContent = `${at + 1} of ${siblings.length}`;
  return [button("‹", "The branch before", go(-1)), place, button("›", "The next branch", go(1))];
}

function article_of(node) {
  const article = document.createElement("article");
  article.className = node.role;
  article.dataset.id = node.id;
  const head = document.createElement("h2");
  head.textContent = node.role === "user" ? "You" : node.model ?? "Model";
  const below = document.createElement("div");
  below.className = "buttons";
  below.append(...branch_buttons(node));
  if (node.role === "user") {
    below.append(button("Edit", "Edit this message", () => edit(node, article)));
    if (node.id === current.leaf && !is_answering()) below.append(button("Retry", "Ask again", () => ask(node)));
  } else below.append(button("Retry", "Another answer", () => ask(current.nodes[node.parent])));
  if (node.role === "assistant") below.append(button("Copy", "Copy the answer", () => navigator.clipboard?.writeText(node.content)));
  if (node.figures) {
    const figures = document.createElement("span");
    figures.className = "figures";
    figures.textContent = node.figures;
    below.append(figures);
  }
  article.append(head, body_of(node), below);
  return article;
}

function show_messages() {
  const box = get("messages");
  box.replaceChildren(...path_of(current).map(article_of));
  box.scrollTop = box.scrollHeight;
}

// An edited message is a branch beside the one that it was.
function edit(node, article) {
  if (is_answering()) return;
  const field = document.createElement("textarea");
  field.rows = 4;
  field.value = node.content;
  field.setAttribute("aria-label", "The message");
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  const send = button("Send", "", () => {
    if (field.value.trim()) ask(add_message(current, node.parent, "user", field.value));
  });
  send.classList.add("primary");
  buttons.append(send, button("Leave as it was", "", show_messages));
  article.replaceChildren(field, buttons);
  field.focus();
}

function busy(yes) {
  get("send").disabled = yes;
  get("stop-chat").hidden = !yes;
  get("messages").setAttribute("aria-busy", String(yes));
}

// Shows the answer as it grows, once a frame at most; while another conversation is open it grows unseen.
function drawing_of(reply) {
  const view = reply.tokens ? new TokenView() : null;
  let due = false;
  const draw = () => {
    due = false;
    const body = document.querySelector(`article[data-id="${reply.id}"] .answer`);
    if (!body) return;
    const box = get("messages");
    const at_end = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    if (!view) body.replaceChildren(...render_markdown(reply.content));
    else if (body.firstChild !== view.element) body.replaceChildren(view.element);
    if (at_end) box.scrollTop = box.scrollHeight;
  };
  return (tokens) => {
    if (view) tokens.forEach((token) => view.add(token));
    if (!due) requestAnimationFrame(draw);
    due = true;
  };
}

// Answers the message, as a new branch below it.
async function ask(question) {
  if (is_answering()) return;
  show_problem(null);
  const conversation = current;
  if (!conversations.includes(conversation)) conversations.unshift(conversation);
  conversation.leaf = question.id;
  const messages = path_of(conversation).map(({ role, content }) => ({ role, content }));
  const system = get("system").value.trim();
  if (system) messages.unshift({ role: "system", content: system });
  const reply = add_message(conversation, question.id, "assistant", "");
  reply.model = get("model").value;
  const logprobs = chat_logprobs();
  if (logprobs.logprobs) reply.tokens = [];
  show_list();
  show_messages();
  busy(true);
  const draw = drawing_of(reply);
  try {
    const request = { model: reply.model, messages, ...logprobs };
    reply.figures = await answer("v1/chat/completions", request, read_chat_choice, (text, tokens) => {
      reply.content += text;
      reply.tokens?.push(...tokens);
      draw(tokens);
    });
  } catch (error) {
    show_problem(error);
    if (!reply.content) {
      delete conversation.nodes[reply.id];
      conversation.leaf = question.id;
    }
  }
  busy(false);
  keep(conversation);
  if (conversation === current) show_messages();
}

function send(event) {
  event.preventDefault();
  const field = get("chat-text");
  if (!field.value.trim() || is_answering()) return;
  // A message that got no answer is no part of what comes after it: the new one is a branch beside it.
  const last = current.nodes[current.leaf];
  ask(add_message(current, last?.role === "user" ? last.parent : current.leaf, "user", field.value));
  field.value = "";
  field.focus();
}

function download(name, type, text) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], { type }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

async function import_file(event) {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  try {
    for (const conversation of read_exported(await file.text())) {
      conversations = [conversation, ...conversations.filter((other) => other.id !== conversation.id)];
      await keep(conversation);
    }
    show_problem(null);
    show_list();
  } catch (error) {
    show_problem(new Error(`${file.name}: ${error.message}`));
  }
}

export async function start_chat() {
  get("chat-form").addEventListener("submit", send);
  get("chat-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  });
  get("stop-chat").addEventListener("click", stop_answering);
  get("new-chat").addEventListener("click", () => {
    open_conversation(new_conversation());
    get("chat-text").focus();
  });
  get("export-markdown").addEventListener("click", () => download("conversation.md", "text/markdown", as_text(current)));
  get("export-json").addEventListener("click", () =>
    download("conversations.json", "application/json", JSON.stringify({ conversations }, null, 1)));
  get("import").addEventListener("change", import_file);
  get("history").open = matchMedia("(min-width: 50rem)").matches;  // on a phone the talk comes first
  conversations = (await stored_conversations()).sort((a, b) => b.created - a.created);
  if (conversations.length) current = conversations[0];
  show_list();
  show_messages();
}
