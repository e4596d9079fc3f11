// What the page knows: a copy of the workspace, kept true by the server's feed of changes.

import { readState } from "./api.js";

export const store = {
  ready: false,
  me: "",
  channel: "",
  home: false,
  thread: "",
  people: new Map(),
  conversations: new Map(),
  messages: new Map(),
  modals: {},
  homes: {},
  wire: [],
  unread: new Map(),
  commands: [],
  suggestions: [],
  bot: { id: "", name: "", title: "" },
  intro: "",
  socketMode: false,
  echo: null,
  turns: [],
};

/** Fill the store anew; gives the number of the last change that it contains. */
export async function load() {
  const state = await readState();
  store.people = new Map(state.people.map((person) => [person.id, { ...person, label: person.title || person.name }]));
  store.conversations = new Map(state.conversations.map((one) => [one.id, one]));
  store.messages = new Map(
    Object.entries(state.messages).map(([channel, list]) => [channel, new Map(list.map((one) => [one.ts, one]))]),
  );
  store.modals = state.modals;
  store.homes = state.homes;
  store.commands = state.commands;
  store.suggestions = state.suggestions;
  store.bot = state.bot;
  store.intro = state.intro;
  store.socketMode = state.socket_mode;
  store.echo = state.echo;
  store.turns = state.echo?.turns ?? [];
  store.wire = [
    ...state.wire.calls.map((one) => ({ ...one, direction: "in" })),
    ...state.wire.deliveries.map((one) => ({ ...one, direction: "out" })),
  ].sort((a, b) => a.number - b.number);
  if (!store.people.has(store.me)) store.me = state.people[0].id;
  if (!store.channel) store.channel = state.conversations.find((one) => !one.is_im).id;
  store.ready = true;
  return state.number;
}

/** Take one change of the feed into the copy; tells whether a message is new. */
export function apply(change) {
  if (change.kind === "message") {
    const { channel, ts } = change.message;
    if (!store.messages.has(channel)) store.messages.set(channel, new Map());
    const known = store.messages.get(channel);
    const isNew = !known.has(ts);
    known.set(ts, change.message);
    if (isNew) countUnread(change.message);
    return isNew;
  }
  if (change.kind === "message_removed") store.messages.get(change.channel)?.delete(change.ts);
  else if (change.kind === "conversation") store.conversations.set(change.conversation.id, change.conversation);
  else if (change.kind === "modals") store.modals[change.user] = change.views;
  else if (change.kind === "home") store.homes[change.user] = change.view;
  else if (change.kind === "echo") store.turns.push(change.turn);
  else if (change.kind === "call") store.wire.push({ ...change.call, direction: "in" });
  else if (change.kind === "delivery") store.wire.push({ ...change.delivery, direction: "out" });
  if (store.wire.length > 400) store.wire.splice(0, store.wire.length - 400);
  return false;
}

function countUnread(message) {
  if (message.thread_ts && message.thread_ts !== message.ts && !message.broadcast && !isIm(message.channel)) return;
  for (const person of store.people.keys()) {
    const looking = person === store.me && message.channel === store.channel && !store.home;
    if (looking || message.user === person || !canSee(person, message)) continue;
    const key = `${person}/${message.channel}`;
    store.unread.set(key, (store.unread.get(key) ?? 0) + 1);
  }
}

function isIm(channel) {
  return store.conversations.get(channel)?.is_im ?? false;
}

/** Tell whether a person sees a message. */
export function canSee(person, message) {
  const partner = store.conversations.get(message.channel)?.partner;
  return (!message.visible_to || message.visible_to === person) && (!partner || partner === person);
}

/** Give what a person is called. */
export function nameOf(user) {
  return user === store.bot.id ? store.bot.title : (store.people.get(user)?.label ?? user);
}

/** List the messages of a channel that I see, in order: outside of threads, or of one thread. */
export function visibleMessages(channel, thread = "") {
  const all = [...(store.messages.get(channel)?.values() ?? [])].filter((one) => canSee(store.me, one));
  const chosen = thread
    ? all.filter((one) => one.ts === thread || one.thread_ts === thread)
    : all.filter((one) => !one.thread_ts || one.thread_ts === one.ts || one.broadcast);
  return chosen.sort((a, b) => (a.ts < b.ts ? -1 : 1));
}

/** Give my DM with the bot; before it is opened, my own id stands for it. */
export function myDm() {
  const found = [...store.conversations.values()].find((one) => one.partner === store.me);
  return found ?? { id: `D${store.me.slice(1)}`, name: store.bot.title, is_im: true, partner: store.me, topic: "" };
}
