// One streamed answer: its text, tokens and figures as they come, and a way to stop it.
import { sampling, shows_probabilities, stream } from "./api.js";
import { announce } from "./notices.js";

let running = null;

export const is_answering = () => running !== null;
export const stop_answering = () => running?.abort();

const rate = (count, seconds) => (seconds > 0 ? (count / seconds).toFixed(1) : "–");

// Asks at path and calls on_text(piece, tokens) for each event. Resolves to what is said below the
// answer ("12 tokens, ..."), also where it was stopped; throws ApiFailure.
export async function answer(path, request, read_choice, on_text) {
  running = new AbortController();
  const began = performance.now();
  let first = null, usage = null, pieces = 0, reason = "stopped";
  try {
    const body = { ...request, ...sampling(), stream_options: { include_usage: true } };
    for await (const event of stream(path, body, running.signal)) {
      usage = event.usage ?? usage;
      const choice = event.choices?.[0];
      if (!choice) continue;
      reason = choice.finish_reason ?? reason;
      const { text, tokens } = read_choice(choice);
      if (!text && !tokens.length) continue;
      first ??= performance.now();
      pieces += tokens.length || 1;
      on_text(text, tokens);
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    running = null;
  }
  announce(reason === "stopped" ? "The answer was stopped." : "The answer is complete.");
  const ended = performance.now();
  const count = usage?.completion_tokens ?? pieces;
  const figures = [`${count} ${count === 1 ? "token" : "tokens"}`];
  if (usage) figures.unshift(`${usage.prompt_tokens} read`);
  if (first !== null) {
    figures.push(`first after ${((first - began) / 1000).toFixed(2)} s`);
    if (count > 1) figures.push(`${rate(count - 1, (ended - first) / 1000)} tokens/s`);
  }
  if (reason === "length") figures.push("ended at the limit");
  if (reason === "stopped") figures.push("stopped");
  return figures.join(" · ");
}

export const chat_logprobs = () => (shows_probabilities() ? { logprobs: true, top_logprobs: 5 } : {});
export const completion_logprobs = () => (shows_probabilities() ? { logprobs: 5 } : {});

export const read_chat_choice = (choice) => ({
  text: choice.delta?.content ?? "",
  tokens: choice.logprobs?.content ?? [],
});

export const read_completion_choice = (choice) => ({
  text: choice.text ?? "",
  tokens: (choice.logprobs?.tokens ?? []).map((token, i) => ({
    token,
    logprob: choice.logprobs.token_logprobs[i] ?? 0,
    top_logprobs: Object.entries(choice.logprobs.top_logprobs?.[i] ?? {})
      .map(([other, logprob]) => ({ token: other, logprob }))
      .sort((a, b) => b.logprob - a.logprob),
  })),
});
