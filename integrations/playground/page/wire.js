// The wire inspector: every signed request to the bot and every Web API call of it.

import { el } from "./dom.js";
import { store } from "./store.js";

/** Draw the inspector, the newest on top; entries that are open stay open. */
export function showWire() {
  const box = document.getElementById("wire");
  if (box.hidden) return;
  let list = box.querySelector("ol");
  if (!list) {
    list = el("ol", { class: "wire-list", tabindex: "0", "aria-label": "Requests, newest first" });
    box.replaceChildren(
      el("div", { class: "wire-head" }, el("h2", { text: "Wire" }), el("p", { class: "muted", text: "→ signed requests to the bot, with the time to its acknowledgement. ← Web API calls of the bot." })),
      list,
    );
  }
  const newest = store.wire.slice(-150);
  const known = new Set([...list.children].map((node) => node.dataset.number));
  const wanted = new Set(newest.map((one) => String(one.number)));
  for (const node of [...list.children]) if (!wanted.has(node.dataset.number)) node.remove();
  for (const one of newest) if (!known.has(String(one.number))) insert(list, one);
}

function insert(list, one) {
  const node = row(one);
  const after = [...list.children].find((other) => Number(other.dataset.number) < one.number);
  list.insertBefore(node, after ?? null);
}

function row(one) {
  const out = one.direction === "out";
  const good = out ? one.outcome === "ok" : one.ok;
  const result = out ? (good ? `acknowledged ${one.status}` : one.outcome) : good ? "ok" : one.error || `HTTP ${one.status}`;
  const details = el("details", { data: { number: String(one.number) } });
  details.append(
    el(
      "summary",
      { class: good ? "" : "bad" },
      el("span", { class: "arrow", "aria-label": out ? "to the bot" : "from the bot", text: out ? "→" : "←" }),
      el("time", { text: new Date(one.at * 1000).toLocaleTimeString() }),
      el("code", { text: out ? `${one.kind}: ${one.what}` : one.method }),
      el("span", { class: "result", text: result }),
      el("span", { class: "muted", text: `${one.ms} ms${one.warning ? ` · ${one.warning}` : ""}${one.transport === "socket" ? " · socket" : ""}` }),
    ),
  );
  details.addEventListener("toggle", () => details.open && details.childElementCount === 1 && details.append(parts(one)), { once: true });
  return el("li", { data: { number: String(one.number) } }, details);
}

function parts(one) {
  const shown = one.direction === "out" ? { headers: one.headers, body: readable(one.body), answer: readable(one.answer) } : { arguments: one.args, answer: one.answer };
  return el("pre", { class: "code", tabindex: "0" }, el("code", { text: JSON.stringify(shown, null, 2) }));
}

function readable(text) {
  if (!text) return "";
  try {
    return JSON.parse(text);
  } catch {
    const form = new URLSearchParams(text);
    if (form.has("payload")) return { payload: readable(form.get("payload")) };
    return form.has("token") ? Object.fromEntries(form) : text;
  }
}
