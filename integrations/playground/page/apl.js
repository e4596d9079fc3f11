// Draws an APL document as an Echo Show does, as far as skills like ours use it: boxes, texts and lists, bound to data.

import { el } from "./dom.js";

const EXPRESSION = /\$\{\s*([\w.[\]]+)\s*\}/g;
const DP_ACROSS = 960; // an Echo Show 8 has 1280 pixels at 213 dpi

/** Draw a RenderDocument directive into a node; the node is the screen that `vw` and `vh` are measured by. */
export function drawDocument(screen, directive) {
  const main = directive.document.mainTemplate ?? {};
  const sources = directive.datasources ?? {};
  const scope = {};
  for (const name of main.parameters ?? []) scope[name] = name in sources ? sources[name] : sources;
  screen.replaceChildren(...itemsOf(main).map((item) => component(item, scope)));
}

function itemsOf(component) {
  const found = component.items ?? component.item ?? [];
  return Array.isArray(found) ? found : [found];
}

/** Put data into a value; a value that is nothing but one expression keeps its type. */
function bound(value, scope) {
  if (typeof value !== "string") return value;
  const whole = /^\$\{\s*([\w.[\]]+)\s*\}$/.exec(value);
  if (whole) return look(whole[1], scope);
  return value.replace(EXPRESSION, (_, path) => String(look(path, scope) ?? ""));
}

function look(path, scope) {
  const steps = path.replaceAll(/\[(\w+)\]/g, ".$1").split(".");
  return steps.reduce((at, step) => (at && Object.hasOwn(at, step) ? at[step] : undefined), scope);
}

function component(item, scope) {
  const node = el(item.type === "Text" ? "p" : "div", { class: `apl-${item.type.toLowerCase()}` });
  if (item.type === "Text") node.textContent = String(bound(item.text, scope) ?? "");
  else if (item.data) {
    const rows = bound(item.data, scope);
    for (const [index, data] of (Array.isArray(rows) ? rows : []).entries())
      node.append(...itemsOf(item).map((each) => component(each, { ...scope, data, index })));
  } else node.append(...itemsOf(item).map((each) => component(each, scope)));
  style(node, item, scope);
  return node;
}

const LENGTHS = {
  width: "width", height: "height", fontSize: "font-size", padding: "padding", spacing: "margin-top", paddingTop: "padding-top",
  paddingBottom: "padding-bottom", paddingLeft: "padding-left", paddingRight: "padding-right", borderRadius: "border-radius",
};
const WORDS = {
  color: "color", fontWeight: "font-weight", backgroundColor: "background-color", textAlign: "text-align", grow: "flex-grow",
  opacity: "opacity", direction: "flex-direction", alignItems: "align-items", justifyContent: "justify-content",
};

function style(node, item, scope) {
  for (const [name, property] of Object.entries(LENGTHS)) if (name in item) node.style.setProperty(property, length(bound(item[name], scope)));
  for (const [name, property] of Object.entries(WORDS)) if (name in item) node.style.setProperty(property, String(bound(item[name], scope)));
}

function length(value) {
  const found = /^(-?[\d.]+)(vw|vh|%|dp|px)?$/.exec(String(value).trim());
  if (!found) return "auto";
  const [, number, unit] = found;
  if (unit === "vw" || unit === "vh") return `${number}${unit === "vw" ? "cqw" : "cqh"}`;
  return unit === "%" ? `${number}%` : `${(Number(number) * 100) / DP_ACROSS}cqw`;
}
