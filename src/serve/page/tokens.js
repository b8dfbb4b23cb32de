// The tokens of an answer, each with the probability that it had and the likeliest others.
// The pointer shows a token's figures; with the keyboard the arrow keys walk from one to the next.

const percent = (logprob) => `${(100 * Math.exp(logprob)).toFixed(1)} %`;
const visible = (text) => text.replace(/\n/g, "↵").replace(/ /g, "␣") || "(nothing)";

// Tokens that hold only a part of a character: the character stands at the last of them.
class Characters {
  decoder = new TextDecoder();
  next(token) {
    return token.bytes ? this.decoder.decode(new Uint8Array(token.bytes), { stream: true }) : token.token;
  }
}

function chances(token) {
  const box = document.createElement("div");
  const others = token.top_logprobs?.length ? token.top_logprobs : [];
  const rows = others.some((other) => other.token === token.token) ? others : [token, ...others];
  for (const other of rows) {
    const row = document.createElement("div");
    row.className = "bar";
    const name = document.createElement("span");
    name.textContent = visible(other.token);
    if (other.token === token.token) name.style.fontWeight = "bold";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = Math.exp(other.logprob);
    bar.setAttribute("aria-label", `${visible(other.token)}: ${percent(other.logprob)}`);
    const figure = document.createElement("span");
    figure.textContent = percent(other.logprob);
    row.append(name, bar, figure);
    box.append(row);
  }
  return box;
}

// Shows tokens in place; add() appends one to what is shown.
export class TokenView {
  constructor() {
    this.line = document.createElement("div");
    this.line.className = "tokens";
    this.line.tabIndex = 0;
    this.line.setAttribute("role", "group");
    this.line.setAttribute("aria-label", "Tokens and their probabilities: arrow keys walk through them");
    this.box = document.createElement("div");
    this.box.className = "chances";
    this.box.setAttribute("aria-live", "polite");
    this.box.hidden = true;
    this.element = document.createElement("div");
    this.element.append(this.line, this.box);
    this.tokens = [];
    this.characters = new Characters();
    this.line.addEventListener("pointerover", (event) => this.choose(this.index_of(event.target)));
    this.line.addEventListener("click", (event) => this.choose(this.index_of(event.target)));
    this.line.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.choose(Math.max(0, Math.min(this.tokens.length - 1, (this.chosen ?? -1) + step)));
    });
  }

  index_of(node) {
    return [...this.line.children].indexOf(node);
  }

  add(token) {
    const span = document.createElement("span");
    span.className = "token";
    span.textContent = this.characters.next(token);
    span.style.setProperty("--doubt", `${Math.round(100 * (1 - Math.exp(token.logprob)))}%`);
    this.tokens.push(token);
    this.line.append(span);
  }

  choose(index) {
    if (index < 0 || index >= this.tokens.length) return;
    this.line.children[this.chosen]?.classList.remove("chosen");
    this.chosen = index;
    this.line.children[index].classList.add("chosen");
    this.box.replaceChildren(chances(this.tokens[index]));
    this.box.hidden = false;
  }
}
