// The question before something that can't be taken back.

import { el } from "./dom.js";
import { plain } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";

/** Ask with Slack's confirm object; resolves to whether the person agreed. */
export function ask(confirm) {
  const dialog = document.getElementById("confirm");
  const no = el("button", { class: "button", type: "submit", value: "no", "data-testid": "confirm-no" }, plain(confirm.deny.text));
  const yes = el("button", { class: `button ${confirm.style ?? "primary"}`, type: "submit", value: "yes", "data-testid": "confirm-yes" }, plain(confirm.confirm.text));
  dialog.replaceChildren(
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "confirm-title" }, plain(confirm.title.text)),
      el("div", { class: "text" }, confirm.text.type === "mrkdwn" ? mrkdwn(confirm.text.text) : plain(confirm.text.text)),
      el("div", { class: "dialog-foot" }, no, yes),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  yes.focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
