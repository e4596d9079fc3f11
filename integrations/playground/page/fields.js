// Inputs of forms: text, menus, choices, dates; each can tell its value.

import { act } from "./api.js";
import { el } from "./dom.js";
import { plain } from "./emoji.js";
import { store } from "./store.js";

const readers = new WeakMap();
let numbers = 0;

/** Draw an input block: label, the input, a hint, and room for an error. */
export function field(block, where) {
  const id = `field-${(numbers += 1)}`;
  const { node, group } = widget(block.element, block, where, id);
  node.dataset.input = block.block_id ?? "";
  if (!block.optional) node.setAttribute("aria-required", "true");
  const label = [plain(block.label.text), block.optional ? el("span", { class: "muted", text: " (optional)" }) : null];
  const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
  const hint = block.hint ? el("p", { class: "hint", id: `${id}-hint` }, plain(block.hint.text)) : null;
  node.setAttribute("aria-describedby", `${id}-error${hint ? ` ${id}-hint` : ""}`);
  const data = { field: block.block_id ?? "" };
  if (group) {
    node.setAttribute("role", block.element.type === "radio_buttons" ? "radiogroup" : "group");
    node.setAttribute("aria-labelledby", `${id}-label`);
    return el("div", { class: "field", data }, el("span", { class: "field-label", id: `${id}-label` }, label), node, error, hint);
  }
  return el("div", { class: "field", data }, el("label", { class: "field-label", for: id }, label), node, error, hint);
}

/** Read all inputs of a form: `{block_id: {action_id: value}}`. */
export function readForm(form) {
  const values = {};
  for (const node of form.querySelectorAll("[data-form-block]")) {
    const { formBlock, actionId } = node.dataset;
    values[formBlock] = { ...values[formBlock], [actionId]: readers.get(node)() };
  }
  return values;
}

/** Draw the element itself; gives its node, a way to read its value, and whether it is a group of inputs. */
export function widget(element, block, where, id) {
  const make = MAKERS[element.type] ?? typed;
  const made = make(element, { id, where, block });
  const name = element.action_id ?? element.type;
  made.node.dataset.actionId = name;
  made.node.dataset.formBlock = block.block_id ?? "";
  if (!id) made.node.setAttribute("aria-label", element.placeholder?.text ?? name.replaceAll("_", " "));
  readers.set(made.node, made.read);
  return made;
}

function typed(element, { id }) {
  const types = { email_text_input: "email", url_text_input: "url", number_input: "number", datepicker: "date", timepicker: "time" };
  const initial = element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  const shared = { id, class: "input", placeholder: element.placeholder?.text, maxlength: element.max_length, autocomplete: "off" };
  const node = element.multiline
    ? el("textarea", { ...shared, rows: 4 })
    : el("input", { ...shared, type: types[element.type] ?? "text", step: element.is_decimal_allowed ? "any" : undefined });
  node.value = initial;
  return { node, read: () => node.value };
}

function moment(element, { id }) {
  const node = el("input", { id, class: "input", type: "datetime-local" });
  if (element.initial_date_time) {
    const date = new Date(element.initial_date_time * 1000);
    node.value = new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }
  return { node, read: () => (node.value ? Math.floor(new Date(node.value) / 1000) : null) };
}

function option(one, chosen) {
  return el("option", { value: one.value, selected: one.value === chosen, text: one.text.text });
}

function select(element, { id }, options, chosen, groups = []) {
  const node = el(
    "select",
    { id, class: "input" },
    chosen ? null : el("option", { value: "", text: element.placeholder?.text ?? "Choose…" }),
    options.map((one) => option(one, chosen)),
    groups.map((group) => el("optgroup", { label: group.label.text }, group.options.map((one) => option(one, chosen)))),
  );
  return { node, read: () => node.value || null };
}

function staticSelect(element, place) {
  return select(element, place, element.options ?? [], element.initial_option?.value, element.option_groups);
}

function named(values) {
  return values.map(([value, text]) => ({ value, text: { text } }));
}

function peopleOptions() {
  return named([...store.people.values()].map((person) => [person.id, person.label]));
}

function channelOptions() {
  return named([...store.conversations.values()].filter((one) => !one.is_im).map((one) => [one.id, `#${one.name}`]));
}

function choices(element, type, options, chosen) {
  const name = `choice-${(numbers += 1)}`;
  const node = el(
    "div",
    { class: "choices" },
    options.map((one) =>
      el(
        "label",
        { class: "choice" },
        el("input", { type, name, value: one.value, checked: chosen.includes(one.value) }),
        el("span", {}, plain(one.text.text), one.description ? el("span", { class: "muted", text: ` ${one.description.text}` }) : null),
      ),
    ),
  );
  const values = () => [...node.querySelectorAll("input:checked")].map((input) => input.value);
  return { node, group: true, read: type === "radio" ? () => values()[0] ?? null : values };
}

function external(element, { id, where, block }) {
  const list = el("datalist", { id: `options-${(numbers += 1)}` });
  const found = new Map();
  const node = el("input", { id, class: "input", list: list.id, placeholder: element.placeholder?.text ?? "Type to search…", autocomplete: "off" });
  if (element.initial_option) {
    node.value = element.initial_option.text.text;
    found.set(node.value, element.initial_option);
  }
  const look = async () => {
    if (node.value.length < (element.min_query_length ?? 3)) return;
    const body = { persona: store.me, ...where, action_id: element.action_id ?? element.type, block_id: block.block_id, value: node.value };
    const answer = await act("options", body, { quiet: true });
    list.replaceChildren();
    for (const one of answer.options ?? []) {
      found.set(one.text.text, one);
      list.append(el("option", { value: one.text.text }));
    }
  };
  node.addEventListener("input", look);
  node.addEventListener("focus", look);
  queueMicrotask(() => node.after(list));
  return { node, read: () => found.get(node.value) ?? null };
}

const all = (options) => (options ?? []).map((one) => one.value);
const MAKERS = {
  static_select: staticSelect,
  users_select: (element, place) => select(element, place, peopleOptions(), element.initial_user),
  channels_select: (element, place) => select(element, place, channelOptions(), element.initial_channel),
  conversations_select: (element, place) => select(element, place, channelOptions(), element.initial_conversation),
  external_select: external,
  datetimepicker: moment,
  radio_buttons: (element) => choices(element, "radio", element.options, all([element.initial_option].filter(Boolean))),
  checkboxes: (element) => choices(element, "checkbox", element.options, all(element.initial_options)),
  multi_static_select: (element) => choices(element, "checkbox", [...(element.options ?? []), ...(element.option_groups ?? []).flatMap((group) => group.options)], all(element.initial_options)),
  multi_users_select: (element) => choices(element, "checkbox", peopleOptions(), element.initial_users ?? []),
};
