// Calls of the server that this page came from.

export class ApiFailure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Relative to the page, so that it works under a path of a reverse proxy too.
const address = (path) => new URL(path, document.baseURI);

const headers = () => {
  const key = document.getElementById("key").value.trim();
  return key ? { Authorization: `Bearer ${key}` } : {};
};

async function failure_of(response) {
  let message = `the server answers ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch { /* no JSON: the status says it */ }
  return new ApiFailure(response.status, message);
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(address(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiFailure(0, "the server cannot be reached");
  }
  if (!response.ok) throw await failure_of(response);
  return response;
}

const body_of = (json) => ({
  method: "POST",
  headers: { ...headers(), "Content-Type": "application/json" },
  body: JSON.stringify(json),
});

export const get_json = async (path) => (await ask(path, { headers: headers() })).json();
export const get_text = async (path) => (await ask(path, { headers: headers() })).text();
export const post_json = async (path, json) => (await ask(path, body_of(json))).json();

// The events of a streamed answer, as they come. signal ends it, and the server stops writing.
export async function* stream(path, json, signal) {
  const response = await ask(path, { ...body_of({ ...json, stream: true }), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new ApiFailure(0, "the server broke off in the middle of the answer");
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      if (!text.startsWith("data: ")) continue; // a heartbeat
      const data = text.slice(6, end);
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new ApiFailure(0, event.error.message);
      yield event;
    }
  }
}

// What the settings say about drawing tokens; empty fields are left to the model.
export function sampling() {
  const out = {};
  for (const name of ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed"]) {
    const value = document.getElementById(name).value;
    if (value !== "") out[name] = Number(value);
  }
  const stop = document.getElementById("stop").value;
  if (stop) out.stop = stop;
  return out;
}

export const shows_probabilities = () => document.getElementById("logprobs").checked;
