// The list of messages: each drawn once, and redrawn in its place when it changes.

import { drawBlocks } from "./blocks.js";
import { avatar, el, moment } from "./dom.js";
import { emoji, plain } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { canSee, nameOf, store, visibleMessages } from "./store.js";

/** Bring a list of messages up to date; `thread` shows one thread. Stays at the end if it was there. */
export function showMessages(log, channel, thread, openThread) {
  const wanted = visibleMessages(channel, thread);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const present = new Map([...log.querySelectorAll(":scope > article")].map((node) => [node.dataset.ts, node]));
  const keep = new Set(wanted.map((one) => one.ts));
  for (const [ts, node] of present) if (!keep.has(ts)) node.remove();
  let before = null;
  for (const message of wanted) {
    let node = present.get(message.ts);
    const version = versionOf(message);
    if (!node) {
      node = draw(message, thread, openThread);
      if (before) before.after(node);
      else log.prepend(node);
    } else if (node.dataset.version !== version) {
      node = redraw(node, message, thread, openThread);
    }
    node.dataset.version = version;
    before = node;
  }
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function versionOf(message) {
  return `${message.revision}/${message.reply_count}/${message.latest_reply}/${store.me}`;
}

function redraw(old, message, thread, openThread) {
  const active = document.activeElement;
  const inside = old.contains(active) && active !== old;
  // Somebody is choosing in this message: draw it anew when they are done.
  if (inside && (active.matches("select, input, textarea") || old.querySelector(".menu-list:not([hidden])"))) {
    const latest = () => showAgain(old, message, thread, openThread);
    active.addEventListener("blur", () => setTimeout(latest), { once: true });
    return old;
  }
  const action = inside ? active.dataset.actionId : null;
  const node = draw(message, thread, openThread);
  old.replaceWith(node);
  if (action) node.querySelector(`[data-action-id="${CSS.escape(action)}"]`)?.focus();
  return node;
}

function showAgain(old, message, thread, openThread) {
  const current = store.messages.get(message.channel)?.get(message.ts);
  if (!old.isConnected || !current || !canSee(store.me, current)) return;
  const node = draw(current, thread, openThread);
  node.dataset.version = versionOf(current);
  old.replaceWith(node);
}

function draw(message, thread, openThread) {
  const where = { channel: message.channel, ts: message.ts };
  const name = nameOf(message.user);
  const reply = message.thread_ts && message.thread_ts !== message.ts;
  const head = el(
    "div",
    { class: "message-head" },
    el("span", { class: "author", text: name }),
    message.bot ? el("span", { class: "badge", text: "App" }) : null,
    moment(message.ts),
    message.visible_to ? el("span", { class: "only", text: "Only visible to you" }) : null,
    message.edited ? el("span", { class: "muted", text: "(edited)" }) : null,
  );
  const classes = ["message", message.visible_to ? "ephemeral" : "", !message.bot && message.mentions.includes(store.me) ? "for-me" : ""];
  return el(
    "article",
    { class: classes.filter(Boolean).join(" "), "data-testid": `message-${message.ts}`, data: { ts: message.ts }, "aria-label": `${name}: ${message.text.slice(0, 120)}` },
    avatar(message.user, name, message.bot),
    el(
      "div",
      { class: "message-body" },
      reply && !thread ? el("div", { class: "muted small" }, "replied to a ", el("button", { class: "linkish", type: "button", text: "thread", on: { click: () => openThread(message.thread_ts) } })) : null,
      head,
      body(message, where),
      (message.attachments ?? []).map((one) => attachment(one, where)),
      (message.files ?? []).map(file),
      reactions(message.reactions),
      thread || message.visible_to ? null : threadLink(message, openThread),
    ),
  );
}

function body(message, where) {
  if (message.blocks?.length && message.bot) return drawBlocks(message.blocks, where);
  return message.text ? el("div", { class: "text" }, mrkdwn(message.text)) : null;
}

function attachment(one, where) {
  return el(
    "div",
    { class: "attachment" },
    one.pretext ? el("div", { class: "text" }, mrkdwn(one.pretext)) : null,
    one.title ? el("strong", {}, plain(one.title)) : null,
    one.text ? el("div", { class: "text" }, mrkdwn(one.text)) : null,
    one.blocks ? drawBlocks(one.blocks, where) : null,
    !one.text && !one.blocks && one.fallback ? el("div", { class: "text" }, plain(one.fallback)) : null,
  );
}

function file(one) {
  const size = one.size < 1024 ? `${one.size} bytes` : one.size < 1_048_576 ? `${(one.size / 1024).toFixed(1)} kB` : `${(one.size / 1_048_576).toFixed(1)} MB`;
  return el(
    "div",
    { class: "file", "data-testid": `file-${one.id}` },
    el("div", { class: "file-head" }, el("span", { "aria-hidden": "true" }, plain("📄")), el("strong", { text: one.title }), el("span", { class: "muted", text: one.title === one.name ? size : `${one.name} · ${size}` }), el("a", { href: `/_ui/files/${one.id}`, download: one.name, text: "Download" })),
    one.preview ? el("details", {}, el("summary", { text: "Preview" }), el("pre", { class: "code", tabindex: "0" }, el("code", { text: one.preview + (one.preview_is_truncated ? "\n…" : "") }))) : null,
  );
}

function reactions(list) {
  if (!list?.length) return null;
  return el("div", { class: "reactions" }, list.map((one) => el("span", { class: "reaction", title: one.users.map(nameOf).join(", ") }, emoji(one.name), ` ${one.count}`)));
}

function threadLink(message, openThread) {
  const count = message.reply_count;
  const label = count ? `${count} ${count === 1 ? "reply" : "replies"}` : "Reply in thread";
  return el(
    "button",
    { class: count ? "replies" : "replies none", type: "button", "data-testid": `thread-${message.ts}`, on: { click: () => openThread(message.ts) } },
    count ? message.reply_users.slice(0, 3).map((user) => avatar(user, nameOf(user), user === store.bot.id)) : null,
    el("span", { text: label }),
  );
}
