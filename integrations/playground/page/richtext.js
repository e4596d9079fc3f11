// Rich text trees, tables, and standard Markdown.

import { el, link } from "./dom.js";
import { emoji, pictures, plain } from "./emoji.js";
import { channelLink, formatDate, mention } from "./mrkdwn.js";

/** Draw a rich_text block. */
export function richText(block) {
  return el("div", { class: "rich" }, block.elements.map(piece));
}

function piece(element) {
  if (element.type === "rich_text_section") return el("p", {}, element.elements.map(run));
  if (element.type === "rich_text_quote") return el("blockquote", {}, element.elements.map(run));
  if (element.type === "rich_text_preformatted") {
    return el("pre", { class: "code" }, el("code", {}, element.elements.map((one) => one.text ?? one.url ?? "")));
  }
  if (element.type === "rich_text_list") {
    const tag = element.style === "ordered" ? "ol" : "ul";
    const start = element.offset ? element.offset + 1 : undefined;
    return el(tag, { class: `indent-${element.indent ?? 0}`, start }, element.elements.map((one) => el("li", {}, one.elements.map(run))));
  }
  return unknown(element.type);
}

function run(element) {
  let node;
  if (element.type === "text") node = el("span", {}, breaks(element.text));
  else if (element.type === "link") node = link(element.url, element.text ?? element.url);
  else if (element.type === "emoji") node = emoji(element.name);
  else if (element.type === "user") node = mention(element.user_id);
  else if (element.type === "channel") node = channelLink(element.channel_id);
  else if (element.type === "usergroup") node = el("span", { class: "mention", text: "@group" });
  else if (element.type === "broadcast") node = el("span", { class: "mention all", text: `@${element.range}` });
  else if (element.type === "date") node = el("time", { text: formatDate(element.timestamp, element.format) ?? element.fallback });
  else if (element.type === "color") node = el("code", { text: element.value });
  else node = unknown(element.type);
  const style = element.style ?? {};
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"]]) {
    if (style[name]) node = el(tag, {}, node);
  }
  return node;
}

function breaks(text) {
  return text.split("\n").flatMap((line, place) => (place ? [el("br"), ...pictures(line)] : pictures(line)));
}

/** Draw a table; its first row is the heading. */
export function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (tag, content, column) => {
    const align = settings[column]?.align ?? (content.type === "raw_number" ? "right" : "left");
    const inside = content.type === "rich_text" ? richText(content) : plain(content.text ?? "");
    return el(tag, { class: `align-${align}`, scope: tag === "th" ? "col" : undefined }, inside);
  };
  const [head, ...rows] = block.rows;
  return el(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": "Table" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, head.map((one, column) => cell("th", one, column)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((one, column) => cell("td", one, column))))),
    ),
  );
}

/** Draw the usual parts of standard Markdown: headings, lists, code, quotes, emphasis, links. */
export function markdown(text) {
  const nodes = [];
  text.split(/```\w*\n?([\s\S]*?)```/g).forEach((part, place) => {
    if (place % 2) return nodes.push(el("pre", { class: "code" }, el("code", { text: part.replace(/\n$/, "") })));
    for (const chunk of part.split(/\n{2,}/)) {
      if (chunk.trim()) nodes.push(markdownChunk(chunk.trim().split("\n")));
    }
    return undefined;
  });
  return el("div", { class: "rich" }, nodes);
}

function markdownChunk(rows) {
  const heading = /^(#{1,6})\s+(.*)$/.exec(rows[0]);
  if (heading) {
    const rest = rows.slice(1);
    return el("div", {}, el("h4", {}, markdownInline(heading[2])), rest.length ? markdownChunk(rest) : null);
  }
  if (rows.every((row) => /^\s*[-*]\s/.test(row))) return el("ul", {}, rows.map((row) => el("li", {}, markdownInline(row.replace(/^\s*[-*]\s+/, "")))));
  if (rows.every((row) => /^\s*\d+\.\s/.test(row))) return el("ol", {}, rows.map((row) => el("li", {}, markdownInline(row.replace(/^\s*\d+\.\s+/, "")))));
  if (rows.every((row) => row.startsWith(">"))) return el("blockquote", {}, markdownChunk(rows.map((row) => row.replace(/^>\s?/, ""))));
  return el("p", {}, rows.flatMap((row, place) => (place ? [el("br"), ...markdownInline(row)] : markdownInline(row))));
}

function markdownInline(text) {
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|(?<!\w)[_*]([^_*]+)[_*](?!\w)|~~([^~]+)~~|\[([^\]]+)\]\(([^)\s]+)\)/g;
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    nodes.push(...plain(text.slice(end, found.index)));
    if (found[1]) nodes.push(el("code", { text: found[1] }));
    else if (found[2]) nodes.push(el("strong", {}, markdownInline(found[2])));
    else if (found[3]) nodes.push(el("em", {}, markdownInline(found[3])));
    else if (found[4]) nodes.push(el("s", {}, markdownInline(found[4])));
    else nodes.push(link(found[6], found[5]));
    end = found.index + found[0].length;
  }
  nodes.push(...plain(text.slice(end)));
  return nodes;
}

/** Stand in, visibly, for something that this page does not know. */
export function unknown(type) {
  return el("div", { class: "unknown", text: `[${type}] is not shown in the playground.` });
}
