// The Echo beside the chat: what is said to it, what it answers, its screen, and the card on the phone.

import { act } from "./api.js";
import { drawDocument } from "./apl.js";
import { avatar, el } from "./dom.js";
import { plain } from "./emoji.js";
import { canListen, listen, speak } from "./speech.js";
import { nameOf, store } from "./store.js";

const panel = document.getElementById("echo");
const own = { locale: "", recognised: true, loud: true, state: "idle", drawn: 0, parts: null };
const STATES = { idle: "", listening: "Listening", thinking: "Thinking" };

/** Show or hide the Echo; gives whether it is there now. */
export function toggleEcho() {
  panel.hidden = !panel.hidden;
  document.getElementById("frame").classList.toggle("with-echo", !panel.hidden);
  if (!panel.hidden) {
    showEcho();
    own.parts.box.focus();
  } else speak("", own.locale);
  return !panel.hidden;
}

/** Bring the Echo up to date. */
export function showEcho() {
  if (panel.hidden || !store.echo) return;
  if (!own.parts) build();
  const { parts } = own;
  const me = store.people.get(store.me);
  parts.who.replaceChildren(avatar(me.id, me.label), el("span", {}, el("strong", { text: me.label }), el("span", { class: "muted", text: own.recognised ? " speaks" : " speaks; Alexa does not know the voice" })));
  if (parts.dialog.childElementCount && !mine().length) {
    own.drawn = 0; // the playground began anew
    parts.dialog.replaceChildren();
    idle();
  }
  const fresh = mine().filter((turn) => turn.number > own.drawn);
  fresh.forEach(draw);
  const last = mine().at(-1);
  parts.silence.hidden = !last?.open;
  parts.hint.textContent = hint(last);
  show(own.state === "thinking" ? "thinking" : last?.open ? "listening" : "idle");
  // Only now: the hint below may have taken a line from the dialog.
  if (fresh.length) parts.dialog.scrollTop = parts.dialog.scrollHeight;
}

function mine() {
  return store.turns.filter((turn) => turn.echo === "page");
}

function hint(last) {
  if (last?.asks === "pin") return `Everybody's voice PIN here is ${store.echo.pin}.`;
  return last?.open ? "The microphone is open: just answer." : `Begin with “Alexa, open ${store.echo.locales[own.locale]}”, or say what you want.`;
}

function show(state) {
  own.parts.device.dataset.state = state;
  own.parts.status.textContent = STATES[state];
}

function build() {
  own.locale = Object.keys(store.echo.locales)[0];
  const box = el("input", { class: "echo-box", type: "text", "aria-label": "Say to the Echo", placeholder: "Say something …", autocomplete: "off", maxlength: 500, "data-testid": "echo-box" });
  const form = el("form", { class: "echo-form", on: { submit: typed } }, box);
  const mic = canListen ? el("button", { class: "plain", type: "button", "aria-label": "Speak", title: "Speak", "data-testid": "echo-mic", on: { click: hear } }, plain("🎤")) : null;
  form.append(...[mic, el("button", { class: "echo-send", type: "submit", text: "Say" })].filter(Boolean));
  const screen = el("div", { class: "echo-screen", "data-testid": "echo-screen", role: "img", "aria-label": "The Echo Show's screen" });
  const status = el("span", { class: "unseen", role: "status" });
  const device = el("div", { class: "echo-device", data: { state: "idle" } }, screen, el("div", { class: "echo-light", "aria-hidden": "true" }), status);
  const who = el("div", { class: "echo-who", "data-testid": "echo-who" });
  const known = el("input", { type: "checkbox", checked: true, "data-testid": "echo-known", on: { change: (event) => { own.recognised = event.target.checked; showEcho(); } } });
  const locale = el("select", { "aria-label": "Language", "data-testid": "echo-locale", on: { change: (event) => { own.locale = event.target.value; offer(); showEcho(); } } }, Object.keys(store.echo.locales).map((key) => el("option", { value: key, text: key })));
  const sound = el("button", { class: "plain small", type: "button", "aria-pressed": "true", title: "Whether answers are said aloud", "data-testid": "echo-sound", text: "Sound on", on: { click: sounds } });
  const dialog = el("ol", { class: "echo-dialog", role: "log", "aria-label": "Dialog with Alexa", tabindex: "0", "data-testid": "echo-dialog" });
  const silence = el("button", { class: "suggestion", type: "button", "data-testid": "echo-silence", text: "(stay silent)", on: { click: () => say("") } });
  const chips = el("div", { class: "echo-chips" });
  const text = el("p", { class: "muted small echo-hint" });
  own.parts = { box, screen, status, device, who, dialog, silence, hint: text, chips };
  panel.replaceChildren(
    el("header", { class: "head" }, el("h2", { text: "Echo" }), el("p", { class: "muted", text: store.echo.locales[own.locale] }), sound),
    device,
    el("div", { class: "echo-row" }, who, locale),
    el("label", { class: "echo-known small" }, known, " Alexa knows this voice"),
    dialog,
    el("div", { class: "echo-foot" }, chips, form, text),
  );
  offer();
  idle();
}

function offer() {
  const said = store.echo.suggestions[own.locale] ?? [];
  own.parts.chips.replaceChildren(own.parts.silence, ...said.map((words) => el("button", { class: "suggestion", type: "button", text: words, on: { click: () => say(words) } })));
}

function idle() {
  own.parts.screen.replaceChildren(el("div", { class: "echo-idle" }, el("span", { text: new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) }), el("small", { text: `Try “Alexa, open ${store.echo.locales[own.locale]}”` })));
}

function sounds(event) {
  own.loud = !own.loud;
  event.currentTarget.setAttribute("aria-pressed", String(own.loud));
  event.currentTarget.textContent = own.loud ? "Sound on" : "Sound off";
  if (!own.loud) speak("", own.locale);
}

function typed(event) {
  event.preventDefault();
  const words = own.parts.box.value.trim();
  own.parts.box.value = "";
  if (words) say(words);
}

async function hear(event) {
  const button = event.currentTarget;
  speak("", own.locale);
  button.setAttribute("aria-pressed", "true");
  show("listening");
  const words = await listen(own.locale);
  button.setAttribute("aria-pressed", "false");
  if (words) await say(words);
  else showEcho();
}

async function say(text) {
  if (own.state === "thinking") return;
  own.state = "thinking";
  show("thinking");
  const { locale } = own;
  const turn = await act("echo", { persona: store.me, text, locale, recognised: own.recognised });
  own.state = "idle";
  showEcho();
  if (own.loud && turn.speech) speak([...turn.progress, turn.speech].join(" "), locale);
}

function draw(turn) {
  const { parts } = own;
  own.drawn = turn.number;
  const words = turn.heard || "…";
  parts.dialog.append(
    el("li", { class: "echo-said", title: nameOf(turn.who) }, el("span", { text: words }), meaning(turn)),
    ...turn.progress.map((text) => el("li", { class: "echo-progress", text })),
    turn.speech ? el("li", { class: "echo-answer", "data-testid": "echo-answer", text: turn.speech }) : "",
    turn.problem ? el("li", { class: "echo-problem", text: turn.problem }) : "",
    turn.card ? card(turn.card) : "",
  );
  if (!turn.screen && !turn.open) idle();
  else if (turn.screen) {
    drawDocument(parts.screen, turn.screen);
    parts.screen.setAttribute("aria-label", `The Echo Show's screen: ${parts.screen.innerText}`);
  }
}

function meaning(turn) {
  if (!turn.intent) return null;
  const slots = Object.entries(turn.slots).map(([name, value]) => `${name}: ${value}`);
  return el("small", { class: "muted", text: [turn.intent, ...slots].join(" · ") });
}

/** Draw a card as the phone's app shows it (ASK, "Response format", Card object). */
function card({ title, content, text }) {
  const body = String(content ?? text ?? "").split("\n").map((line) => el("p", { text: line }));
  return el("li", { class: "echo-card", "data-testid": "echo-card" }, el("small", { class: "muted", text: "On the phone" }), title ? el("strong", { text: title }) : null, body);
}
