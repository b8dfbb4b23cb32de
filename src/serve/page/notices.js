// What the page says to everybody: a problem at the top, and news that screen readers read out.

export function announce(text) {
  document.getElementById("announce").textContent = text;
}

export function show_problem(error) {
  const line = document.getElementById("problem");
  line.textContent = error ? error.message : "";
  line.hidden = !error;
  if (error?.status !== 401) return;
  line.textContent += " — write the key into Settings.";
  document.dispatchEvent(new CustomEvent("key-needed"));
}
