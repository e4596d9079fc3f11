"""`views.*`: modals and the Home tab."""

from __future__ import annotations

from typing import Any

from integrations.playground.blocks import check_view
from integrations.playground.methods.call import Method, MethodCall, SlackRefusal, refuse
from integrations.playground.tickets import Trigger
from integrations.playground.views import MOST_VIEWS, make_view, replace_in_stack


async def open_(call: MethodCall) -> dict[str, Any]:
    """Open a modal in exchange for a trigger id."""
    trigger = _trigger(call)
    view = make_view(call.workspace, _view(call, "modal"))
    trigger.used = True
    call.workspace.show_modals(trigger.user, [view])
    return {"ok": True, "view": view}


async def push(call: MethodCall) -> dict[str, Any]:
    """Put a modal on top of the one that the trigger id came from."""
    trigger = _trigger(call)
    given = _view(call, "modal")
    stack = call.workspace.modals.get(trigger.user, [])
    if not stack or trigger.view_id not in {one["id"] for one in stack}:
        raise SlackRefusal("not_found")
    if len(stack) >= MOST_VIEWS:
        raise SlackRefusal("push_limit_reached")
    trigger.used = True
    view = make_view(call.workspace, given, above=stack[-1]["id"])
    call.workspace.show_modals(trigger.user, [*stack, view])
    return {"ok": True, "view": view}


async def update(call: MethodCall) -> dict[str, Any]:
    """Change an open view, found by `view_id` or `external_id`; with `hash` only if nobody else did."""
    given = _view(call, "modal", "home")
    if not call.text("view_id") and not call.text("external_id"):
        raise SlackRefusal("invalid_arguments", "[ERROR] missing required field: view_id [json-pointer:/view_id]")
    found = call.workspace.find_view(call.text("view_id") or None, call.text("external_id") or None)
    if found is None:
        raise SlackRefusal("not_found")
    user, old = found
    _same_hash(call, old)
    view = make_view(call.workspace, given, replaces=old)
    if view["type"] == "home":
        call.workspace.show_home(user, view)
    else:
        call.workspace.show_modals(user, replace_in_stack(call.workspace.modals[user], view))
    return {"ok": True, "view": view}


async def publish(call: MethodCall) -> dict[str, Any]:
    """Set one person's Home tab."""
    user = call.text("user_id")
    if user not in call.workspace.people:
        raise SlackRefusal("user_not_found" if user else "invalid_arguments")
    given = _view(call, "home")
    old = call.workspace.homes.get(user)
    if old:
        _same_hash(call, old)
    view = make_view(call.workspace, given, replaces=old)
    call.workspace.show_home(user, view)
    return {"ok": True, "view": view}


def _view(call: MethodCall, *kinds: str) -> dict[str, Any]:
    view = call.json("view")
    refuse(check_view(view, frozenset(kinds)))
    assert isinstance(view, dict)
    external = view.get("external_id")
    found = call.workspace.find_view(None, external) if external else None
    if found and found[1]["id"] != call.text("view_id") and found[1]["type"] == "modal":
        raise SlackRefusal("duplicate_external_id")
    return view


def _trigger(call: MethodCall) -> Trigger:
    trigger = call.playground.triggers.check(call.text("trigger_id"), call.playground.now())
    if isinstance(trigger, str):
        raise SlackRefusal(trigger)
    return trigger


def _same_hash(call: MethodCall, view: dict[str, Any]) -> None:
    if call.text("hash") and call.text("hash") != view["hash"]:
        raise SlackRefusal("hash_conflict")


METHODS = {
    "views.open": Method(open_),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
