// The box to write in: sends with Enter, and offers commands after "/" and names after "@".

import { act } from "./api.js";
import { el } from "./dom.js";
import { store } from "./store.js";

/** Draw a composer. `target` gives `{channel, thread_ts}` at the time of sending. */
export function composer(name, label, target) {
  const id = `${name}-input`;
  const list = el("ul", { class: "offers", id: `${name}-offers`, role: "listbox", "aria-label": "Suggestions", hidden: true });
  const box = el("textarea", {
    id,
    class: "composer-box",
    rows: 1,
    placeholder: label,
    "aria-label": label,
    "data-testid": name,
    "aria-autocomplete": "list",
    "aria-controls": list.id,
  });
  const button = el("button", { class: "button primary send", type: "submit", "data-testid": `${name}-send`, text: "Send" });
  const form = el("form", { class: "composer" }, list, box, button);
  const offers = { list, box, found: [], chosen: 0 };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(box, offers, target);
  });
  box.addEventListener("input", () => {
    grow(box);
    offer(offers, Boolean(target().thread_ts));
  });
  box.addEventListener("keydown", (event) => keys(event, offers, form));
  box.addEventListener("blur", () => setTimeout(() => hide(offers), 150));
  return {
    node: form,
    /** Put words into the box, ready to send. */
    fill(text) {
      box.value = text;
      grow(box);
      box.focus();
      hide(offers);
    },
    relabel(text) {
      box.placeholder = text;
      box.setAttribute("aria-label", text);
    },
    focus: () => box.focus(),
  };
}

async function send(box, offers, target) {
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  grow(box);
  hide(offers);
  const answer = await act("say", { persona: store.me, text, ...target() });
  // What was not taken comes back, so that nobody has to type it again.
  if (!answer.ok && !box.value) {
    box.value = text;
    grow(box);
  }
}

function grow(box) {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 200)}px`;
}

function offer(offers, inThread) {
  const before = offers.box.value.slice(0, offers.box.selectionStart);
  const command = /^\/(\S*)$/.exec(before);
  const name = /(?:^|\s)@([\w.-]*)$/.exec(before);
  offers.found = [];
  if (command && !inThread) {
    offers.found = store.commands
      .filter((one) => one.name.startsWith(`/${command[1]}`))
      .map((one) => ({ insert: `${one.name} `, from: 0, title: `${one.name} ${one.usage_hint}`, note: one.description }));
  } else if (name) {
    const people = [{ name: store.bot.name, label: store.bot.title, role: "App" }, ...store.people.values()];
    offers.found = people
      .filter((one) => one.name.toLowerCase().startsWith(name[1].toLowerCase()))
      .map((one) => ({ insert: `@${one.name} `, from: before.length - name[1].length - 1, title: `@${one.name}`, note: `${one.label} ${one.role ?? ""}` }));
  }
  offers.chosen = 0;
  drawOffers(offers);
}

function drawOffers(offers) {
  const { list, box, found, chosen } = offers;
  list.replaceChildren(
    ...found.map((one, place) => {
      const item = el(
        "li",
        { class: "offer", role: "option", id: `${list.id}-${place}`, "aria-selected": String(place === chosen) },
        el("strong", { text: one.title }),
        el("span", { class: "muted", text: one.note }),
      );
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(offers, place);
      });
      return item;
    }),
  );
  list.hidden = !found.length;
  if (found.length) box.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
  else box.removeAttribute("aria-activedescendant");
}

function hide(offers) {
  offers.found = [];
  drawOffers(offers);
}

function take(offers, place) {
  const { box, found } = offers;
  const one = found[place];
  const rest = box.value.slice(box.selectionStart);
  box.value = box.value.slice(0, one.from) + one.insert + rest;
  box.selectionStart = box.selectionEnd = one.from + one.insert.length;
  hide(offers);
}

/** Tell whether the chosen offer is typed already, so that Enter means: send it. */
function isWhole({ box, found, chosen }) {
  return box.value.trim() === found[chosen].insert.trim();
}

function keys(event, offers, form) {
  const open = offers.found.length > 0;
  if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    offers.chosen = (offers.chosen + step + offers.found.length) % offers.found.length;
    drawOffers(offers);
  } else if (open && event.key === "Escape") {
    event.stopPropagation();
    hide(offers);
  } else if (open && !event.shiftKey && (event.key === "Tab" || (event.key === "Enter" && !isWhole(offers)))) {
    event.preventDefault();
    take(offers, offers.chosen);
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
}
