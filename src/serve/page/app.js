// Starts the page: views, models, settings, colours.
import { get_json } from "./api.js";
import { start_chat } from "./chat.js";
import { set_classifiers, start_classify } from "./classify.js";
import { start_completion } from "./completion.js";
import { show_problem } from "./notices.js";
import { set_served, show_status } from "./status.js";

const get = (id) => document.getElementById(id);
const kViews = ["chat", "completion", "classify", "status"];
let models = [];

function show_view(name, focus = false) {
  for (const view of kViews) {
    const tab = get(`tab-${view}`);
    tab.setAttribute("aria-selected", String(view === name));
    tab.tabIndex = view === name ? 0 : -1;
    get(`view-${view}`).hidden = view !== name;
  }
  if (focus) get(`tab-${name}`).focus();
  show_status(name === "status");
  show_models(name);
}

// The arrow keys walk through the tabs.
function on_tab_key(event) {
  const at = kViews.indexOf(event.target.id.replace("tab-", ""));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: kViews.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  show_view(kViews[(to + kViews.length) % kViews.length], true);
}

// Those that do what the view asks for; an adapter stands with the model that it changes.
function show_models(view) {
  const wanted = view === "completion" ? "completions" : "chat";
  const select = get("model");
  select.parentElement.hidden = view !== "chat" && view !== "completion";
  const chosen = select.value || localStorage.getItem("model");
  const fitting = models.filter((model) => model.stemma.can.includes(wanted));
  select.replaceChildren(...fitting.map((model) =>
    new Option(model.stemma.base ? `${model.id} (on ${model.stemma.base})` : model.id, model.id)));
  if (fitting.some((model) => model.id === chosen)) select.value = chosen;
}

async function read_models() {
  try {
    models = (await get_json("v1/models")).data;
    show_problem(null);
  } catch (error) {
    show_problem(error);
    return;
  }
  const does = (what) => models.filter((model) => model.stemma.can.includes(what));
  set_classifiers(does("classify"));
  set_served(models);
  const open = kViews.find((view) => get(`tab-${view}`).getAttribute("aria-selected") === "true");
  const fits = does("chat").length ? "chat" : does("completions").length ? "completion" : "classify";
  show_view(open === "chat" ? fits : open);
}

// Settings stay in the browser, the key in this tab only.
function start_settings() {
  const fields = get("settings-form").querySelectorAll("input, textarea");
  const stored = JSON.parse(localStorage.getItem("settings") ?? "{}");
  for (const field of fields) {
    if (field.id === "key") field.value = sessionStorage.getItem("key") ?? "";
    else if (field.type === "checkbox") field.checked = Boolean(stored[field.id]);
    else field.value = stored[field.id] ?? "";
  }
  get("settings-form").addEventListener("input", () => {
    const values = {};
    for (const field of fields)
      if (field.id !== "key") values[field.id] = field.type === "checkbox" ? field.checked : field.value;
    localStorage.setItem("settings", JSON.stringify(values));
  });
  get("settings-form").addEventListener("submit", (event) => event.preventDefault());
  get("key").addEventListener("change", () => {
    sessionStorage.setItem("key", get("key").value);
    read_models();
  });
  const open = (yes) => {
    get("settings").hidden = !yes;
    get("open-settings").setAttribute("aria-expanded", String(yes));
  };
  get("open-settings").addEventListener("click", () => open(get("settings").hidden));
  document.addEventListener("key-needed", () => open(true));
}

function start_colours() {
  const kThemes = ["auto", "light", "dark"];
  const set = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    get("theme").textContent = `Colours: ${theme}`;
    get("theme").title = theme === "auto" ? "Colours: as the system has them" : `Colours: ${theme}`;
    localStorage.setItem("theme", theme);
  };
  set(kThemes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
  get("theme").addEventListener("click", () =>
    set(kThemes[(kThemes.indexOf(localStorage.getItem("theme")) + 1) % kThemes.length]));
}

start_colours();
start_settings();
for (const view of kViews) get(`tab-${view}`).addEventListener("click", () => show_view(view));
get("tabs").addEventListener("keydown", on_tab_key);
get("model").addEventListener("change", () => localStorage.setItem("model", get("model").value));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") (get("stop-chat").hidden ? get("stop-completion") : get("stop-chat")).click();
});
start_completion();
start_classify();
await start_chat();
await read_models();
