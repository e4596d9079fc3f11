// The bot's modals: drawn from the view, submitted with inline errors, closed.

import { act } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { el } from "./dom.js";
import { plain } from "./emoji.js";
import { readForm } from "./fields.js";
import { store } from "./store.js";

let shown = "";

/** Show the topmost modal of the person that I am now, or none. */
export function showModal() {
  const dialog = document.getElementById("modal");
  const view = store.modals[store.me]?.at(-1);
  const key = view ? `${store.me}/${view.id}/${view.hash}` : "";
  if (key === shown) return;
  const sameView = view && shown.startsWith(`${store.me}/${view.id}/`);
  const typed = sameView ? readForm(dialog) : null;
  shown = key;
  if (!view) {
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
    return;
  }
  dialog.replaceChildren(form(view));
  if (typed) restore(dialog, typed);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".input, .choices input")?.focus();
}

function form(view) {
  const submit = view.submit ? el("button", { class: "button primary", type: "submit", "data-testid": "modal-submit" }, plain(view.submit.text)) : null;
  const close = el("button", { class: "button", type: "button", "data-testid": "modal-close" }, view.close ? plain(view.close.text) : "Close");
  const node = el(
    "form",
    { class: "modal-form", novalidate: true },
    el("h2", { id: "modal-title" }, plain(view.title.text)),
    el("div", { class: "modal-body" }, drawBlocks(view.blocks, { view_id: view.id })),
    el("p", { class: "error", "data-testid": "modal-trouble", role: "alert", hidden: true }),
    el("div", { class: "dialog-foot" }, close, submit),
  );
  close.addEventListener("click", () => act("close", { persona: store.me, view_id: view.id }));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    send(node, view, submit);
  });
  return node;
}

async function send(node, view, submit) {
  submit?.setAttribute("aria-busy", "true");
  const answer = await act("submit", { persona: store.me, view_id: view.id, values: readForm(node) }, { quiet: true });
  submit?.removeAttribute("aria-busy");
  const trouble = node.querySelector("[data-testid=modal-trouble]");
  trouble.textContent = answer.notice;
  trouble.hidden = !answer.notice;
  showErrors(node, answer.errors);
}

function showErrors(node, errors) {
  let first = null;
  for (const box of node.querySelectorAll("[data-field]")) {
    const text = errors[box.dataset.field] ?? "";
    const place = box.querySelector(".error");
    const input = box.querySelector("[data-input]");
    place.textContent = text;
    place.hidden = !text;
    input.toggleAttribute("aria-invalid", Boolean(text));
    if (text) input.setAttribute("aria-invalid", "true");
    if (text && !first) first = input;
  }
  first?.focus();
}

function restore(dialog, typed) {
  for (const node of dialog.querySelectorAll("input.input, textarea.input, select.input")) {
    const value = typed[node.dataset.formBlock]?.[node.dataset.actionId];
    if (typeof value === "string") node.value = value;
  }
}

/** Let Escape close the modal the way its button does, so that the bot hears of it. */
export function watchModal() {
  document.getElementById("modal").addEventListener("cancel", (event) => {
    event.preventDefault();
    const view = store.modals[store.me]?.at(-1);
    if (view) act("close", { persona: store.me, view_id: view.id });
  });
}
