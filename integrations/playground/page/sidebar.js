// Who I am and where I can go: the persona switcher and the list of conversations.

import { avatar, el, redraw } from "./dom.js";
import { myDm, store } from "./store.js";

/** Draw the people that the page can speak as. */
export function showPersonas(become) {
  const box = document.getElementById("personas");
  const me = store.people.get(store.me);
  redraw(
    box,
    el("span", { class: "you" }, el("span", { class: "muted", text: "You are " }), el("strong", { text: me.label }), me.role ? el("span", { class: "muted", text: ` · ${me.role}` }) : null),
    ...[...store.people.values()].map((person) => {
      const waiting = unreadOf(person.id, `D${person.id.slice(1)}`);
      const words = `Speak as ${person.label}${waiting ? " (has a new direct message)" : ""}`;
      return el(
        "button",
        {
          class: waiting && person.id !== store.me ? "persona waiting" : "persona",
          type: "button",
          title: person.role ? `${person.label}, ${person.role}` : person.label,
          "aria-label": words,
          "aria-pressed": String(person.id === store.me),
          "data-testid": `persona-${person.id}`,
          on: { click: () => become(person.id) },
        },
        avatar(person.id, person.label),
      );
    }),
  );
}

/** Draw channels, the DM with the bot, and the Home tab. */
export function showSidebar(go) {
  const channels = [...store.conversations.values()].filter((one) => !one.is_im);
  const dm = myDm();
  redraw(
    document.getElementById("sidebar"),
    el("h2", { text: "Channels" }),
    el("ul", {}, channels.map((one) => entry(`# ${one.name}`, one.id, `channel-${one.id}`, () => go({ channel: one.id })))),
    el("h2", { text: "Direct messages" }),
    el("ul", {}, entry(store.bot.title, dm.id, `channel-${dm.id}`, () => go({ channel: dm.id }))),
    el("h2", { text: "App" }),
    el("ul", {}, entry(`${store.bot.title} Home`, "", "home", () => go({ home: true }))),
    el("p", { class: "side-note", text: store.socketMode ? "The bot is connected over Socket Mode." : "The bot gets signed HTTP requests, as from Slack." }),
  );
}

function entry(label, channel, testid, go) {
  const current = channel ? !store.home && store.channel === channel : store.home;
  const count = channel ? unreadOf(store.me, channel) : 0;
  return el(
    "li",
    {},
    el(
      "button",
      { class: count ? "place unread" : "place", type: "button", "data-testid": testid, "aria-current": current ? "page" : undefined, on: { click: go } },
      el("span", { text: label }),
      count ? el("span", { class: "count", "aria-label": `${count} new`, text: String(count) }) : null,
    ),
  );
}

function unreadOf(person, channel) {
  return store.unread.get(`${person}/${channel}`) ?? 0;
}
