"""What a person chose or typed in an element, in Slack's `state.values` and `actions` shapes, checked as Slack does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from integrations.playground.blocks import interactive_elements

STATELESS: Final = frozenset({"button", "overflow", "image", "feedback_buttons", "icon_button"})
_ONE: Final = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
_INITIAL: Final = {
    "users_select": "initial_user",
    "conversations_select": "initial_conversation",
    "channels_select": "initial_channel",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "datetimepicker": "initial_date_time",
}
_OPTION: Final = frozenset({"static_select", "external_select", "radio_buttons"})
_OPTIONS: Final = frozenset({"multi_static_select", "checkboxes"})
REQUIRED: Final = "Please complete this required field."


class WrongValue(Exception):
    """A value that the person's own Slack client would not let through."""


def options_of(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every option of a select."""
    yield from element.get("options") or []
    for group in element.get("option_groups") or []:
        yield from group["options"]


def entry(element: dict[str, Any], value: Any, offered: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Write the value into the shape of the element's kind; `WrongValue` if the element does not take it.

    `offered` are the options that the app gave for an external select.
    """
    kind = element["type"]
    if kind in _OPTION:
        return {"type": kind, "selected_option": _option(element, value, offered)}
    if kind == "overflow":
        return {"type": kind, "selected_option": _option(element, value, offered)}
    if kind in _OPTIONS:
        values = value or []
        if not isinstance(values, list):
            raise WrongValue("Choose from the list.")
        return {"type": kind, "selected_options": [_option(element, one, offered) for one in values]}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": value or []}
    if kind in _ONE:
        return {"type": kind, _ONE[kind]: value or None}
    return {"type": kind, "value": _typed(element, value)}


def initial(element: dict[str, Any]) -> dict[str, Any]:
    """Write what the element shows before anybody touched it."""
    kind = element["type"]
    if kind in _OPTION:
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in _OPTIONS:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": element.get("initial_users", [])}
    if kind in _ONE:
        return {"type": kind, _ONE[kind]: element.get(_INITIAL[kind])}
    return {"type": kind, "value": element.get("initial_value")}


def is_empty(value: dict[str, Any]) -> bool:
    """Tell whether nothing is chosen or typed."""
    return all(item in (None, "", []) for key, item in value.items() if key != "type")


def read_values(blocks: list[dict[str, Any]], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a form: gives `state.values`, and per block what the person has to mend.

    `given` is `{block_id: {action_id: value}}`, or shorter `{block_id: value}` or `{action_id: value}`; a value is a
    text, an option's value, or a list of them. What is not given keeps its initial value.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for block, element, _ in interactive_elements(blocks):
        if element["type"] in STATELESS:
            continue
        block_id, action_id = block["block_id"], element.get("action_id") or element["type"]
        try:
            found, value = _look_up(given, block_id, action_id)
            one = entry(element, value) if found else initial(element)
        except WrongValue as wrong:
            errors[block_id] = str(wrong)
            continue
        if block["type"] == "input" and not block.get("optional") and is_empty(one):
            errors[block_id] = REQUIRED
        values.setdefault(block_id, {})[action_id] = one
    return values, errors


def _look_up(given: dict[str, Any], block_id: str, action_id: str) -> tuple[bool, Any]:
    inside = given.get(block_id)
    if isinstance(inside, dict):
        return action_id in inside, inside.get(action_id)
    if block_id in given:
        return True, inside
    return action_id in given, given.get(action_id)


def _option(element: dict[str, Any], value: Any, offered: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    if value in (None, ""):
        return None
    candidates = [*options_of(element), *(offered or [])]
    if (start := element.get("initial_option")) is not None:
        candidates.append(start)
    for option in candidates:
        if option.get("value") == value:
            return option
    if element["type"] == "external_select" and isinstance(value, dict):
        return value
    raise WrongValue(f"“{value}” is not among the options.")


def _typed(element: dict[str, Any], value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    kind = element["type"]
    if kind == "plain_text_input":
        if len(text) < element.get("min_length", 0):
            raise WrongValue(f"Write at least {element['min_length']} characters.")
        if len(text) > element.get("max_length", 3000):
            raise WrongValue(f"Write at most {element.get('max_length', 3000)} characters.")
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise WrongValue("Enter a valid e-mail address.")
    if kind == "url_text_input" and not re.match(r"https?://\S+$", text):
        raise WrongValue("Enter a valid URL.")
    if kind == "number_input":
        _number(element, text)
    return text


def _number(element: dict[str, Any], text: str) -> None:
    pattern = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not re.fullmatch(pattern, text):
        raise WrongValue("Enter a number." if element["is_decimal_allowed"] else "Enter a whole number.")
    if (low := element.get("min_value")) is not None and float(text) < float(low):
        raise WrongValue(f"Enter at least {low}.")
    if (high := element.get("max_value")) is not None and float(text) > float(high):
        raise WrongValue(f"Enter at most {high}.")
