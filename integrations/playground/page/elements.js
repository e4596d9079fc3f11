// Buttons and menus in messages and views: what a person uses is sent to the bot at once.

import { act } from "./api.js";
import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { plain } from "./emoji.js";
import { readForm, widget } from "./fields.js";
import { store } from "./store.js";

/** Draw a button, overflow or menu that acts when used. */
export function control(element, block, where) {
  if (element.type === "button" || element.type === "icon_button") return button(element, block, where);
  if (element.type === "overflow") return overflow(element, block, where);
  if (element.type === "feedback_buttons") return el("span", { class: "muted", text: `${element.positive_button.text.text} / ${element.negative_button.text.text}` });
  const { node, read } = widget(element, block, where);
  node.addEventListener("change", () => send("select", element, block, where, read(), node));
  return node;
}

function button(element, block, where) {
  const shared = {
    class: `button ${element.style ?? ""}`,
    "aria-label": element.accessibility_label,
    data: { actionId: element.action_id ?? "" },
  };
  const label = plain(element.text.text);
  if (element.url && /^https?:/.test(element.url)) {
    const on = { click: () => send("click", element, block, where, element.value, null) };
    return el("a", { ...shared, href: element.url, target: "_blank", rel: "noopener noreferrer", on }, label, el("span", { "aria-hidden": "true", text: " ↗" }));
  }
  const node = el("button", { ...shared, type: "button" }, label);
  node.addEventListener("click", () => send("click", element, block, where, element.value, node));
  return node;
}

function overflow(element, block, where) {
  const list = el("div", { class: "menu-list", role: "menu", hidden: true });
  const opener = el("button", {
    class: "button",
    type: "button",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "aria-label": "More actions",
    data: { actionId: element.action_id ?? "" },
    text: "⋯",
  });
  const show = (open) => {
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) list.firstElementChild?.focus();
  };
  for (const option of element.options) {
    const choose = () => {
      show(false);
      opener.focus();
      if (option.url) window.open(option.url, "_blank", "noopener");
      send("select", element, block, where, option.value, opener);
    };
    list.append(el("button", { class: "menu-item", role: "menuitem", type: "button", data: { value: option.value }, on: { click: choose } }, plain(option.text.text)));
  }
  const wrapper = el("span", { class: "overflow" }, opener, list);
  opener.addEventListener("click", () => show(list.hidden));
  wrapper.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      show(false);
      opener.focus();
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (list.hidden) return void show(true);
    const items = [...list.children];
    const step = event.key === "ArrowDown" ? 1 : -1;
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  });
  wrapper.addEventListener("focusout", (event) => {
    if (!wrapper.contains(event.relatedTarget)) show(false);
  });
  return wrapper;
}

async function send(kind, element, block, where, value, node) {
  if (element.confirm && !(await ask(element.confirm))) return;
  const form = node?.closest("form");
  const body = { persona: store.me, ...where, action_id: element.action_id ?? element.type, block_id: block.block_id, value };
  if (where.view_id && form) body.values = readForm(form);
  node?.setAttribute("aria-busy", "true");
  await act(kind, body);
  node?.removeAttribute("aria-busy");
}
