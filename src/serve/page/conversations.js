// Conversations as trees of messages, kept in this browser (IndexedDB). An edited question and an
// answer that was asked for again are new branches; nothing is overwritten.
//
//   {id, title, created, leaf, nodes: {ID: {id, parent, role, content, tokens?, figures?, model?}}}

import { show_problem } from "./notices.js";

const kStore = "conversations";

function open_database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("stemma", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// Where the browser keeps nothing (a private window, a full disk), conversations last as long as the
// page, which says so.
async function in_store(mode, use) {
  try {
    const database = await open_database();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(kStore, mode);
        const request = use(transaction.objectStore(kStore));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  } catch (error) {
    show_problem(new Error(`This browser does not keep conversations (${error.message}): export what you need.`));
    return undefined;
  }
}

export const stored_conversations = async () => (await in_store("readonly", (store) => store.getAll())) ?? [];
export const keep = (conversation) => in_store("readwrite", (store) => store.put(conversation));
export const forget = (id) => in_store("readwrite", (store) => store.delete(id));

export const new_id = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

export function new_conversation() {
  return { id: new_id(), title: "New conversation", created: Date.now(), leaf: null, nodes: {} };
}

export function add_message(conversation, parent, role, content) {
  const node = { id: new_id(), parent, role, content };
  conversation.nodes[node.id] = node;
  conversation.leaf = node.id;
  if (role === "user" && parent === null && Object.keys(conversation.nodes).length === 1)
    conversation.title = content.trim().split("\n")[0].slice(0, 60) || "New conversation";
  return node;
}

// From the first message to the shown one. Each message once, whatever an imported file says.
export function path_of(conversation) {
  const path = [];
  const seen = new Set();
  for (let id = conversation.leaf; id && conversation.nodes[id] && !seen.has(id); id = conversation.nodes[id].parent) {
    seen.add(id);
    path.unshift(conversation.nodes[id]);
  }
  return path;
}

const children_of = (conversation, parent) =>
  Object.values(conversation.nodes).filter((node) => node.parent === parent);

export const siblings_of = (conversation, node) => children_of(conversation, node.parent);

// Shows another branch, down to its newest message.
export function show_branch(conversation, node) {
  const seen = new Set();
  for (let next = node; next && !seen.has(next.id); next = children_of(conversation, next.id).at(-1)) {
    seen.add(next.id);
    conversation.leaf = next.id;
  }
}

export function as_text(conversation) {
  const lines = [`# ${conversation.title}`];
  for (const node of path_of(conversation))
    lines.push(`**${node.role === "user" ? "You" : node.model ?? "Model"}:**`, node.content);
  return lines.join("\n\n") + "\n";
}

// Of a file that "Export all" wrote. Throws where it is something else.
export function read_exported(text) {
  const list = JSON.parse(text).conversations;
  if (!Array.isArray(list)) throw new Error("the file has no list of conversations");
  return list.map((given) => {
    const out = { ...new_conversation(), id: String(given.id), title: String(given.title), created: Number(given.created) || 0 };
    for (const node of Object.values(given.nodes ?? {})) {
      if (typeof node.content !== "string" || !["user", "assistant"].includes(node.role))
        throw new Error("the file has a message without text");
      out.nodes[node.id] = {
        id: String(node.id), parent: node.parent === null ? null : String(node.parent),
        role: node.role, content: node.content,
        ...(node.model ? { model: String(node.model) } : {}),
        ...(node.figures ? { figures: String(node.figures) } : {}),
      };
    }
    out.leaf = given.leaf && out.nodes[given.leaf] ? given.leaf : null;
    return out;
  });
}
