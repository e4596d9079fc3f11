// Slack's markup (docs.slack.dev, "Formatting message text") as DOM nodes.

import { el, link } from "./dom.js";
import { emoji, emojiOf, pictures } from "./emoji.js";
import { nameOf, store } from "./store.js";

const INLINE = new RegExp(
  [
    "`([^`\\n]+)`", // 1 code
    "<([^<>\\n]+)>", // 2 link, mention, date
    ":([a-z0-9_+-]+(?:::skin-tone-\\d)?):", // 3 emoji
    "(?<![\\w*])\\*(?=\\S)([^*\\n]*[^*\\s])\\*(?![\\w*])", // 4 bold
    "(?<![\\w_])_(?=\\S)([^_\\n]*[^_\\s])_(?![\\w_])", // 5 italic
    "(?<![\\w~])~(?=\\S)([^~\\n]*[^~\\s])~(?![\\w~])", // 6 strike
  ].join("|"),
  "g",
);

/** Turn mrkdwn into nodes. */
export function mrkdwn(text) {
  return text.split(/```([\s\S]*?)```/g).flatMap((piece, place) => {
    if (place % 2) return [el("pre", { class: "code" }, el("code", { text: codeText(piece.replace(/^\n|\n$/g, "")) }))];
    return quotes(piece);
  });
}

function quotes(text) {
  const nodes = [];
  let quoted = [];
  const flush = () => {
    if (quoted.length) nodes.push(el("blockquote", {}, lines(quoted)));
    quoted = [];
  };
  let open = [];
  const flushOpen = () => {
    if (open.length && open.some((line) => line.trim())) nodes.push(...lines(trimEnds(open)));
    open = [];
  };
  for (const line of text.split("\n")) {
    if (/^(&gt;|>)/.test(line)) {
      flushOpen();
      quoted.push(line.replace(/^(&gt;|>) ?/, ""));
    } else {
      flush();
      open.push(line);
    }
  }
  flush();
  flushOpen();
  return nodes;
}

function trimEnds(list) {
  const copy = [...list];
  while (copy.length > 1 && !copy[0].trim()) copy.shift();
  while (copy.length > 1 && !copy.at(-1).trim()) copy.pop();
  return copy;
}

function lines(list) {
  return list.flatMap((line, place) => (place ? [el("br"), ...inline(line)] : inline(line)));
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > end) nodes.push(...pictures(unescaped(text.slice(end, found.index))));
    const [whole, code, angle, name, bold, italic, strike] = found;
    if (code !== undefined) nodes.push(el("code", { text: codeText(code) }));
    else if (angle !== undefined) nodes.push(special(angle));
    else if (name !== undefined) nodes.push(emojiOf(name) ? emoji(name) : whole);
    else if (bold !== undefined) nodes.push(el("strong", {}, inline(bold)));
    else if (italic !== undefined) nodes.push(el("em", {}, inline(italic)));
    else nodes.push(el("s", {}, inline(strike)));
    end = found.index + whole.length;
  }
  if (end < text.length) nodes.push(...pictures(unescaped(text.slice(end))));
  return nodes;
}

function special(inside) {
  const [target, label] = splitOnce(inside, "|");
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channelLink(target.slice(1), label);
  if (target.startsWith("!date^")) return dateToken(target, label);
  if (target.startsWith("!subteam^")) return el("span", { class: "mention", text: label || "@group" });
  if (target.startsWith("!")) return el("span", { class: "mention all", text: `@${target.slice(1)}` });
  return link(unescaped(target), label ? inline(label) : unescaped(target).replace(/^mailto:/, ""));
}

/** Draw a mention of a person; of oneself with more weight. */
export function mention(user) {
  return el("span", { class: user === store.me ? "mention me" : "mention", text: `@${nameOf(user)}` });
}

/** Draw a channel's name; a click goes there. */
export function channelLink(id, label) {
  const name = store.conversations.get(id)?.name ?? label ?? id;
  return el("a", { class: "channel-link", href: `#${store.me}/${id}`, text: `#${name}` });
}

function dateToken(target, fallback) {
  const [, seconds, format, address] = target.split("^");
  const written = formatDate(Number(seconds), format) ?? fallback ?? "";
  const node = el("time", { title: new Date(Number(seconds) * 1000).toLocaleString(), text: written });
  return address ? link(address, node) : node;
}

/** Write a moment with Slack's date format, in the reader's own time. */
export function formatDate(seconds, format) {
  if (!Number.isFinite(seconds)) return null;
  const date = new Date(seconds * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  const near = { 0: "today", 1: "yesterday", [-1]: "tomorrow" }[days];
  const day = (options) => date.toLocaleDateString([], options);
  const short = day({ year: "numeric", month: "short", day: "numeric" });
  const long = day({ weekday: "long", year: "numeric", month: "long", day: "numeric" });
  const usual = day({ year: "numeric", month: "long", day: "numeric" });
  const parts = {
    date_num: date.toISOString().slice(0, 10),
    date_slash: day({}),
    date: usual,
    date_pretty: near ?? usual,
    date_short: short,
    date_short_pretty: near ?? short,
    date_long: long,
    date_long_pretty: near ?? long,
    time: date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    time_secs: date.toLocaleTimeString(),
    ago: ago(Date.now() / 1000 - seconds),
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => parts[name] ?? whole);
}

function ago(seconds) {
  const size = Math.abs(seconds);
  const [value, unit] = size < 60 ? [size, "second"] : size < 3600 ? [size / 60, "minute"] : size < 86400 ? [size / 3600, "hour"] : [size / 86400, "day"];
  return new Intl.RelativeTimeFormat([], { numeric: "auto" }).format(-Math.sign(seconds) * Math.round(value), unit);
}

function splitOnce(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, ""] : [text.slice(0, place), text.slice(place + 1)];
}

function unescaped(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function codeText(text) {
  // Links inside of code are shown as their address, as Slack does.
  return unescaped(text.replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1"));
}
