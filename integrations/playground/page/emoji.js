// Emoji: the shortcodes that bots use, and drawings of the most usual ones for machines without an emoji font.

import { el } from "./dom.js";

const CODES = {
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", negative_squared_cross_mark: "❎",
  warning: "⚠️", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", stop_sign: "🛑", rotating_light: "🚨",
  vertical_traffic_light: "🚦", traffic_light: "🚥", red_circle: "🔴", large_red_circle: "🔴", large_orange_circle: "🟠",
  large_yellow_circle: "🟡", large_green_circle: "🟢", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰", clock1: "🕐", calendar: "📅",
  arrows_counterclockwise: "🔄", arrows_clockwise: "🔃", repeat: "🔁", rewind: "⏪", fast_forward: "⏩",
  leftwards_arrow_with_hook: "↩️", arrow_right: "➡️", arrow_left: "⬅️", arrow_up: "⬆️", arrow_down: "⬇️",
  arrow_forward: "▶️", double_vertical_bar: "⏸️", black_square_for_stop: "⏹️", next_track_button: "⏭️",
  rocket: "🚀", ship: "🚢", package: "📦", hammer: "🔨", hammer_and_wrench: "🛠️", wrench: "🔧", gear: "⚙️", test_tube: "🧪",
  microscope: "🔬", mag: "🔍", construction: "🚧", building_construction: "🏗️", factory: "🏭", truck: "🚚", recycle: "♻️",
  lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️", closed_lock_with_key: "🔐", bell: "🔔", no_bell: "🔕",
  eyes: "👀", wave: "👋", raised_hand: "✋", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", clap: "👏", pray: "🙏",
  tada: "🎉", sparkles: "✨", fire: "🔥", bug: "🐛", snail: "🐌", zap: "⚡", bulb: "💡", boom: "💥", star: "⭐", heart: "❤️",
  memo: "📝", page_facing_up: "📄", clipboard: "📋", bookmark: "🔖", label: "🏷️", link: "🔗", pushpin: "📌", paperclip: "📎",
  chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", bar_chart: "📊", robot_face: "🤖", ghost: "👻",
  information_source: "ℹ️", question: "❓", grey_question: "❔", exclamation: "❗", bangbang: "‼️", speech_balloon: "💬",
  mega: "📣", loudspeaker: "📢", satellite: "🛰️", computer: "💻", iphone: "📱", desktop_computer: "🖥️", cloud: "☁️",
  globe_with_meridians: "🌐", house: "🏠", office: "🏢", bust_in_silhouette: "👤", busts_in_silhouette: "👥", seedling: "🌱",
  smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔", sweat_smile: "😅", cry: "😢", sob: "😭", dizzy: "💫",
  zzz: "💤", snowflake: "❄️", checkered_flag: "🏁", triangular_flag_on_post: "🚩", white_flag: "🏳️", dart: "🎯", soon: "🔜",
  new: "🆕", ok: "🆗", up: "🆙", one: "1️⃣", two: "2️⃣", three: "3️⃣", four: "4️⃣", five: "5️⃣",
};

// The drawings in emoji.svg, in order.
const DRAWN = "✅ ❌ 🛑 ⚠ ⏳ 🔄 👀 🔒 🔓 ⏪ ⏩ ⏭ ▶ ⏸ ⏹ 🔁 🧪 ❓ ❔ ❗ ℹ 🚀 📦 📄 📝 🔍 🚦 🔔 👋 ✋ 🤔 🙂 🎉 🏁 ⏱ 🟢 🔴 🟡 🔵 ⚪ 💬 🔨 💡 ⛔ 🚫 ↩ 🎤".split(" ");
const PICTURE = new RegExp(`(${DRAWN.join("|")})\uFE0F?`, "gu");

/** Give the character of a shortcode, or nothing if it is unknown. */
export function emojiOf(name) {
  return CODES[name.replace(/::skin-tone-\d$/, "")];
}

/** Draw one emoji with its name for screen readers; an unknown one stays as it was written. */
export function emoji(name) {
  const found = emojiOf(name);
  if (!found) return document.createTextNode(`:${name}:`);
  const node = picture(found);
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", name.replaceAll("_", " "));
  return node;
}

function picture(character) {
  const place = DRAWN.indexOf(character.replace("\uFE0F", ""));
  if (place < 0) return el("span", { class: "emoji", text: character });
  // The character stays as text, for searching, copying and screen readers; the drawing covers it.
  const node = el("span", { class: "emoji drawn", text: character });
  node.style.setProperty("--place", String(place));
  return node;
}

/** Turn the emoji in a piece of plain words into drawings. */
export function pictures(text) {
  return text.split(PICTURE).map((piece, place) => (place % 2 ? picture(piece) : piece)).filter((piece) => piece !== "");
}

/** Turn `:shortcodes:` in plain words into emoji and line ends into breaks. */
export function plain(text) {
  return text.split("\n").flatMap((line, place) => {
    const nodes = line.split(/(:[a-z0-9_+-]+:)/g).flatMap((piece) => {
      const name = /^:([a-z0-9_+-]+):$/.exec(piece)?.[1];
      return name && emojiOf(name) ? [emoji(name)] : pictures(piece);
    });
    return place ? [el("br"), ...nodes] : nodes;
  });
}
