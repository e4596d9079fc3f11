// Short notices at the edge of the page.

import { el } from "./dom.js";

/** Show a notice for ten seconds, or until it is dismissed. */
export function toast(text) {
  const close = el("button", { class: "plain", type: "button", "aria-label": "Dismiss", text: "×" });
  const node = el("div", { class: "toast", "data-testid": "toast" }, el("span", { text }), close);
  close.addEventListener("click", () => node.remove());
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 10_000);
}
