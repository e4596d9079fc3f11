// The page itself: puts the parts together, follows the feed, and keeps what is shown true.

import { act } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { el } from "./dom.js";
import { showEcho, toggleEcho } from "./echo.js";
import { showMessages } from "./messages.js";
import { showModal, watchModal } from "./modal.js";
import { showPersonas, showSidebar } from "./sidebar.js";
import { apply, load, myDm, nameOf, store } from "./store.js";
import { showWire } from "./wire.js";

const $ = (id) => document.getElementById(id);
const main = composer("composer", "Message", () => ({ channel: sendTo(), thread_ts: null }));
const reply = composer("reply", "Reply", () => ({ channel: sendTo(), thread_ts: store.thread }));
let waiting = false;
let linked = "";

function sendTo() {
  return store.conversations.has(store.channel) ? store.channel : store.me;
}

function become(person) {
  const inDm = store.conversations.get(store.channel)?.is_im || store.channel === myDm().id;
  store.me = person;
  store.thread = inDm ? "" : store.thread;
  go({ channel: inDm ? myDm().id : store.channel, home: store.home, thread: store.thread });
}

function go({ channel = store.channel, home = false, thread = "" }) {
  const opensHome = home && (!store.home || $("home").dataset.owner !== store.me);
  const moved = channel !== store.channel || home !== store.home;
  Object.assign(store, { channel, home, thread });
  if (!home) store.unread.delete(`${store.me}/${channel}`);
  history.replaceState(null, "", `/#${store.me}/${home ? "home" : channel}`);
  document.body.classList.remove("menu-open");
  $("menu-button").setAttribute("aria-expanded", "false");
  if (moved) $("log").replaceChildren();
  show();
  if (moved) $("log").scrollTop = $("log").scrollHeight;
  if (opensHome) act("home", { persona: store.me });
}

function openThread(ts) {
  store.thread = ts;
  $("thread").replaceChildren();
  show();
  reply.focus();
}

function closeThread() {
  const ts = store.thread;
  store.thread = "";
  show();
  document.querySelector(`[data-testid="thread-${CSS.escape(ts)}"]`)?.focus();
}

function showHead() {
  const place = store.conversations.get(store.channel) ?? myDm();
  const title = store.home ? `${store.bot.title} Home` : place.is_im ? store.bot.title : `# ${place.name}`;
  const note = store.home ? "What the app shows to you alone" : place.is_im ? "Direct messages between you and the app" : place.topic;
  $("head").replaceChildren(el("h1", { text: title }), el("p", { class: "muted", text: note }));
  document.title = `${title} · Sayso playground`;
  main.relabel(place.is_im ? `Message ${store.bot.title}` : `Message #${place.name}, or type / for commands`);
}

function showHome() {
  const view = store.homes[store.me];
  const box = $("home");
  const version = `${store.me}/${view?.hash ?? ""}`;
  if (box.dataset.version === version) return;
  box.dataset.version = version;
  box.dataset.owner = store.me;
  const empty = el("p", { class: "muted", text: "The app has not published anything for you yet." });
  box.replaceChildren(el("form", { class: "home-body" }, view ? drawBlocks(view.blocks, { view_id: view.id }) : empty));
}

function showThread() {
  const panel = $("thread");
  panel.hidden = !store.thread || store.home;
  $("frame").classList.toggle("with-thread", !panel.hidden);
  if (panel.hidden) return panel.replaceChildren();
  if (!panel.firstChild) {
    const close = el("button", { class: "plain", type: "button", "aria-label": "Close the thread", "data-testid": "thread-close", text: "×", on: { click: closeThread } });
    panel.append(
      el("header", { class: "head" }, el("h2", { text: "Thread" }), close),
      el("div", { class: "log", role: "log", "aria-live": "off", "aria-label": "Replies", tabindex: "0", "data-testid": "thread-log" }),
      el("div", { class: "foot" }, reply.node),
    );
  }
  return showMessages(panel.querySelector(".log"), store.channel, store.thread, openThread);
}

function showLog() {
  const log = $("log");
  showMessages(log, store.channel, "", openThread);
  const empty = !log.querySelector("article");
  log.querySelector(".welcome")?.remove();
  if (empty) {
    const place = store.conversations.get(store.channel);
    const words = place && !place.is_im && !place.has_bot ? `${store.bot.title} has not been invited to this channel.` : store.intro || "Nothing was said here yet. Try one of the suggestions below.";
    log.append(el("div", { class: "welcome" }, el("img", { src: "/page/icon.svg", alt: "", width: 44, height: 44 }), el("p", { text: words })));
  }
}

function showSuggestions() {
  const box = $("try");
  box.hidden = !store.suggestions.length;
  if (box.childElementCount || box.hidden) return;
  box.append(
    el("span", { class: "muted", text: "Try this" }),
    ...store.suggestions.map((text) => el("button", { class: "suggestion", type: "button", "data-testid": "suggestion", text, on: { click: () => main.fill(text) } })),
  );
}

function show() {
  if (!store.ready) return;
  // Only now: before the workspace is known, there is nobody to speak as.
  if (!main.node.isConnected) $("composer").append(main.node);
  showPersonas(become);
  showSidebar(go);
  showHead();
  $("log").hidden = $("foot").hidden = store.home;
  $("home").hidden = !store.home;
  if (store.home) showHome();
  else showLog();
  showThread();
  showSuggestions();
  showModal();
  showWire();
  $("echo-button").hidden = !store.echo;
  showEcho();
  if (linked) showLinked();
}

function soon() {
  // Several changes in one frame are drawn once.
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
}

function announce(message) {
  const mine = message.channel === store.channel && (!message.visible_to || message.visible_to === store.me);
  if (mine && message.user !== store.me) $("announcer").textContent = `${nameOf(message.user)}: ${message.text}`;
}

function follow() {
  const feed = new EventSource("/_ui/events");
  let held = null;
  // While the state is read, changes are held back; those that it already contains are dropped by their number.
  const reload = async () => {
    held = held ?? [];
    const number = await load();
    const late = held.filter((change) => change.number > number);
    held = null;
    late.forEach(take);
    soon();
  };
  feed.addEventListener("open", reload);
  feed.addEventListener("message", (event) => {
    const change = JSON.parse(event.data);
    if (held) held.push(change);
    else if (change.kind === "reset") {
      store.unread.clear();
      store.thread = "";
      reload();
    } else take(change);
  });
}

function take(change) {
  if (apply(change)) announce(change.message);
  soon();
}

function fromAddress() {
  const link = /^\/archives\/(\w+)\/p(\d+)(\d{6})$/.exec(location.pathname);
  const [me, channel] = location.hash.slice(1).split("/");
  if (me) store.me = me;
  if (link) {
    store.channel = link[1];
    linked = `${link[2]}.${link[3]}`;
  }
  else if (channel && channel !== "home") store.channel = channel;
}

/** Go to the message that a permalink names, in its thread if it is a reply. */
function showLinked() {
  const message = store.messages.get(store.channel)?.get(linked);
  linked = "";
  if (!message) return;
  if (message.thread_ts && message.thread_ts !== message.ts) openThread(message.thread_ts);
  const node = document.querySelector(`.log article[data-ts="${CSS.escape(message.ts)}"]`);
  node?.classList.add("linked");
  node?.scrollIntoView({ block: "center" });
}

$("menu-button").addEventListener("click", () => {
  const open = document.body.classList.toggle("menu-open");
  $("menu-button").setAttribute("aria-expanded", String(open));
});
$("wire-button").addEventListener("click", () => {
  $("wire").hidden = !$("wire").hidden;
  $("wire-button").setAttribute("aria-expanded", String(!$("wire").hidden));
  showWire();
});
$("echo-button").addEventListener("click", () => $("echo-button").setAttribute("aria-expanded", String(toggleEcho())));
addEventListener("hashchange", () => {
  const [, channel] = location.hash.slice(1).split("/");
  if (channel && channel !== store.channel && channel !== "home") go({ channel });
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && store.thread && !document.querySelector("dialog[open]")) closeThread();
});
watchModal();
fromAddress();
follow();
