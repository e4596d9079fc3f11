"""What a person does with an open modal: submits it or closes it; and what the bot's answer makes of it."""

from __future__ import annotations

import copy
from typing import Any

from integrations.playground import payloads
from integrations.playground.answers import parse_answer
from integrations.playground.blocks import check_view
from integrations.playground.delivery import Letter, deliver
from integrations.playground.inputs import read_values
from integrations.playground.outcome import NotPossible, outcome
from integrations.playground.playground import Playground
from integrations.playground.views import MOST_VIEWS, make_view, replace_in_stack

TROUBLE = "We had some trouble connecting. Try again?"
"""What Slack writes into a modal whose answer it can't use."""


async def submit(playground: Playground, user: str, view_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Submit the topmost modal with these values (see `read_values`); inline errors come back as `errors`."""
    stack, view = _top(playground, user, view_id)
    values, errors = read_values(view["blocks"], given)
    if errors:
        return outcome(None, "", errors=errors, view=view) | {"ok": False, "outcome": "incomplete"}
    filled = copy.deepcopy(view) | {"state": {"values": values}}
    trigger = playground.triggers.issue(user, playground.now(), view_id)
    payload = payloads.view_event(
        playground.workspace, "view_submission", user, filled, trigger_id=trigger, response_urls=[]
    )
    delivered = await deliver(playground, Letter("interaction", f"view_submission {view['callback_id']}", payload))
    if delivered.outcome != "ok":
        return outcome(delivered, playground.config.bot_title, errors={}, view=view)
    # The bot may have changed the stack while it answered (views.update, views.push).
    stack = playground.workspace.modals.get(user, [])
    applied = _apply(playground, user, stack, view, parse_answer(delivered.answer) or {})
    if applied.get("notice"):
        delivered.outcome = "bad_answer"
    return outcome(delivered, playground.config.bot_title, **applied)


async def close(playground: Playground, user: str, view_id: str, *, everything: bool = False) -> dict[str, Any]:
    """Close the topmost modal (or the whole stack); the bot hears of it only if the view asked for that."""
    stack, view = _top(playground, user, view_id)
    clear = everything or view["clear_on_close"]
    playground.workspace.show_modals(user, [] if clear else stack[:-1])
    if not view["notify_on_close"]:
        return outcome(None, "")
    payload = payloads.view_event(playground.workspace, "view_closed", user, view, is_cleared=clear)
    delivered = await deliver(playground, Letter("interaction", f"view_closed {view['callback_id']}", payload))
    return outcome(delivered, playground.config.bot_title)


def _top(playground: Playground, user: str, view_id: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    stack = playground.workspace.modals.get(user, [])
    if not stack or stack[-1]["id"] != view_id:
        raise NotPossible("no_such_view", "That dialog is closed.")
    return stack, stack[-1]


def _apply(
    playground: Playground, user: str, stack: list[dict[str, Any]], view: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    """Carry out a `response_action` (docs.slack.dev, "Modals: updating and pushing views")."""
    action = answer.get("response_action")
    if action in {"update", "push"}:
        return _show_another(playground, user, stack, view, answer)
    if action == "errors":
        return _show_errors(view, answer.get("errors"))
    if action not in {None, "clear"}:
        return _trouble(view, "unknown response_action")
    left = [] if action == "clear" else [one for one in stack if one["id"] != view["id"]]
    playground.workspace.show_modals(user, left)
    return {"errors": {}, "view": None}


def _trouble(view: dict[str, Any], why: object) -> dict[str, Any]:
    return {"notice": f"{TROUBLE} ({why})", "errors": {}, "view": view}


def _show_errors(view: dict[str, Any], errors: Any) -> dict[str, Any]:
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or set(errors) - inputs:
        return _trouble(view, "The errors name blocks that are no inputs.")
    return {"errors": {key: str(value) for key, value in errors.items()}, "view": view}


def _show_another(
    playground: Playground, user: str, stack: list[dict[str, Any]], view: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    if problems := check_view(answer.get("view"), frozenset({"modal"})):
        return _trouble(view, problems[0])
    if answer["response_action"] == "update":
        new = make_view(playground.workspace, answer["view"], replaces=view)
        playground.workspace.show_modals(user, replace_in_stack(stack, new))
        return {"errors": {}, "view": new}
    if len(stack) >= MOST_VIEWS:
        return _trouble(view, "push_limit_reached")
    new = make_view(playground.workspace, answer["view"], above=view["id"])
    playground.workspace.show_modals(user, [*stack, new])
    return {"errors": {}, "view": new}
