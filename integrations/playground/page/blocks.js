// Draws Block Kit blocks; anything unknown gets a visible placeholder.

import { el, link } from "./dom.js";
import { control } from "./elements.js";
import { plain } from "./emoji.js";
import { field } from "./fields.js";
import { mrkdwn } from "./mrkdwn.js";
import { markdown, richText, table, unknown } from "./richtext.js";

// As in Slack, a task's state is a sign beside its title; the word is for screen readers.
const STATES = {
  pending: ["", "Pending"],
  in_progress: ["", "In progress"],
  complete: ["✓", "Done"],
  error: ["✕", "Failed"],
};

const DRAW = {
  section: (block, where) =>
    el(
      "div",
      { class: "section" },
      el(
        "div",
        { class: "section-body" },
        block.text ? el("div", { class: "text" }, textObject(block.text)) : null,
        block.fields ? el("div", { class: "fields" }, block.fields.map((one) => el("div", { class: "text" }, textObject(one)))) : null,
      ),
      block.accessory ? el("div", { class: "accessory" }, element(block.accessory, block, where)) : null,
    ),
  header: (block) => el("h3", { class: "header" }, plain(block.text.text)),
  divider: () => el("hr"),
  actions: (block, where) => el("div", { class: "actions" }, block.elements.map((one) => element(one, block, where))),
  context: (block) => el("div", { class: "context" }, block.elements.map((one) => el("span", {}, one.type === "image" ? image(one, true) : textObject(one)))),
  context_actions: (block, where) => el("div", { class: "actions small" }, block.elements.map((one) => element(one, block, where))),
  image: (block) => el("figure", { class: "picture" }, block.title ? el("figcaption", {}, plain(block.title.text)) : null, image(block)),
  markdown: (block) => markdown(block.text),
  rich_text: (block) => richText(block),
  table: (block) => table(block),
  plan: (block) => plan(block),
  task_card: (block) => el("ol", { class: "plan-rows" }, task(block)),
  input: (block, where) => field(block, where),
  alert: (block) => el("div", { class: `alert ${block.level ?? "default"}`, role: "note" }, textObject(block.text)),
  card: (block, where) =>
    el(
      "div",
      { class: "card" },
      block.hero_image ? image(block.hero_image) : null,
      block.title ? el("strong", { class: "text" }, textObject(block.title)) : null,
      block.subtitle ? el("div", { class: "muted" }, textObject(block.subtitle)) : null,
      block.body ? el("div", { class: "text" }, textObject(block.body)) : null,
      block.actions ? el("div", { class: "actions" }, block.actions.map((one) => element(one, block, where))) : null,
    ),
};

/** Draw a list of blocks. `where` says where they stand: `{channel, ts}` or `{view_id}`. */
export function drawBlocks(blocks, where) {
  return blocks.map((block) => {
    const draw = DRAW[block.type];
    let node;
    try {
      node = draw ? draw(block, where) : unknown(block.type);
    } catch (error) {
      // One block that this page can't draw must not take the message with it.
      node = el("div", { class: "unknown", text: `[${block.type}] could not be drawn: ${error.message}` });
    }
    return el("div", { class: `block block-${block.type}`, data: { blockId: block.block_id ?? "" } }, node);
  });
}

/** Draw a plain_text or mrkdwn object. */
export function textObject(object) {
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text);
}

function element(one, block, where) {
  return one.type === "image" ? image(one) : control(one, block, where);
}

function image(one, small = false) {
  // Pictures of other sites are not loaded: the page talks to nobody but the playground.
  const words = one.alt_text || "picture";
  return el("span", { class: small ? "image small" : "image", role: "img", "aria-label": words }, small ? words : link(one.image_url, `Picture: ${words}`));
}

function plan(block) {
  return el(
    "div",
    { class: "plan" },
    el("div", { class: "plan-head" }, plain(block.title)),
    el("ol", { class: "plan-rows" }, (block.tasks ?? []).map(task)),
  );
}

function task(one) {
  const [sign, word] = STATES[one.status] ?? ["?", one.status];
  return el(
    "li",
    { class: `task ${one.status}`, "data-testid": `task-${one.task_id}` },
    el("span", { class: "task-sign", "aria-hidden": "true", text: sign }),
    el(
      "div",
      { class: "task-body" },
      el("div", {}, el("span", { class: "task-title" }, plain(one.title)), el("span", { class: "unseen", text: ` (${word})` })),
      one.details ? el("div", { class: "task-details" }, richText(one.details)) : null,
      one.output ? el("div", { class: "task-output" }, richText(one.output)) : null,
      one.sources?.length ? el("div", { class: "task-sources" }, one.sources.map((source) => link(source.url, source.text))) : null,
    ),
  );
}
