// Builds DOM nodes; text only ever becomes text nodes, so nothing that a bot or a commit says can become markup.

/** Make an element. `props`: `class`, `text`, `on` ({event: handler}), `data` ({key: value}); the rest are attributes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (name === "data") for (const [key, item] of Object.entries(value)) node.dataset[key] = item;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Make a link that opens in a new tab; anything but http, https and mailto stays plain text. */
export function link(address, ...children) {
  let safe = null;
  try {
    const url = new URL(address, location.origin);
    if (["http:", "https:", "mailto:"].includes(url.protocol)) safe = url.href;
  } catch {
    safe = null;
  }
  if (!safe) return el("span", {}, ...children);
  return el("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Write a ts ("1763695200.000100") as the local time of day, with the whole moment as its title. */
export function moment(ts) {
  const date = new Date(Number(ts) * 1000);
  const short = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return el("time", { datetime: date.toISOString(), title: date.toLocaleString(), text: short });
}

/** Draw a box anew; whoever was at one of its parts with the keyboard stays there. */
export function redraw(box, ...children) {
  const at = box.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  box.replaceChildren(...children);
  if (at) box.querySelector(`[data-testid="${CSS.escape(at)}"]`)?.focus();
}

/** Give the initials of a name, two at most. */
export function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}

/** Draw a person as a coloured circle with initials. */
export function avatar(id, name, bot = false) {
  if (bot) return el("span", { class: "avatar bot", "aria-hidden": "true" }, el("img", { src: "/page/icon.svg", alt: "" }));
  const hue = [...id].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
  return el("span", { class: `avatar hue-${hue}`, "aria-hidden": "true", text: initials(name) });
}
