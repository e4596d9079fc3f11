"""Clicks: a button's command goes to the desk; whoever clicked is told what came of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.core.commands import Verb
from bot.core.errors import NotFound
from bot.core.grammar import OpenForm
from bot.core.wording import say
from bot.slack import home
from bot.slack.buttons import TAP, decode, tapped
from bot.slack.forms import OPEN_DEPLOY, PICK_ENVIRONMENT
from bot.slack.front import Front, wish
from bot.slack.opening import open_deploy_form, open_reason_form
from bot.slack.replies import Place, place_of
from bot.slack.said import Said

Ack = Callable[..., Awaitable[Any]]


def listen(bolt: AsyncApp, front: Front) -> None:
    """Register every button; one that is not ours is answered, too."""

    async def on_open(ack: Ack, body: dict[str, Any]) -> Any:
        place = place_of(body)
        _reply(front, place, await front.answered(_open(front, body, place)))
        return await ack()

    async def on_refresh(ack: Ack, body: dict[str, Any]) -> Any:
        front.replies.soon(home.draw(front, str(body["user"]["id"])))
        return await ack()

    async def on_pick(ack: Ack) -> Any:
        return await ack()  # the form is read when it is submitted

    async def on_click(ack: Ack, body: dict[str, Any]) -> Any:
        place = place_of(body)
        _reply(front, place, await front.answered(_click(front, body, place)))
        return await ack()

    async def on_number(ack: Ack, body: dict[str, Any]) -> Any:
        place = place_of(body)
        _reply(front, place, await front.answered(_number(front, body, place)))
        return await ack()

    bolt.action(OPEN_DEPLOY)(on_open)
    bolt.action(re.compile(re.escape(TAP)))(on_number)
    bolt.action(home.REFRESH)(on_refresh)
    bolt.action(PICK_ENVIRONMENT)(on_pick)
    bolt.action(re.compile(".*"))(on_click)


async def _open(front: Front, body: dict[str, Any], place: Place) -> Said | None:
    front.actor(place.user, place.channel, _handle(body))
    await open_deploy_form(front, str(body.get("trigger_id", "")), OpenForm(), place.origin)
    return None


async def _click(front: Front, body: dict[str, Any], place: Place) -> Said | None:
    action = body["actions"][0]
    if action.get("url"):
        return None  # a link: Slack opens it and tells us all the same
    command = decode(str(action.get("value") or ""))
    channel = place.channel or place.origin.channel
    trigger = str(body.get("trigger_id") or "")
    actor = front.actor(place.user, channel, _handle(body))
    if command.verb in {Verb.REJECT, Verb.OVERRIDE} and not command.reason:
        await open_reason_form(front, trigger, command, place.origin)
        return None
    key = wish(trigger or f"{place.user}:{action.get('action_ts', '')}:{command.verb}")
    return await front.ask(lambda: actor, command, key)


async def _number(front: Front, body: dict[str, Any], place: Place) -> Said | None:
    """Hand a number on; what became of it shows in the message itself."""
    pressed = tapped(str(body["actions"][0].get("value") or ""))
    actor = front.actor(place.user, place.channel or place.origin.channel, _handle(body))
    if front.numbers is None:
        raise NotFound(say("voice.plan.unknown"))
    await front.numbers.tap(actor, pressed.plan, pressed.number)
    return None


def _handle(body: dict[str, Any]) -> str:
    return str(body["user"].get("username") or body["user"].get("name") or "")


def _reply(front: Front, place: Place, said: Said | None) -> None:
    if said is None:
        return
    if place.is_home:
        front.replies.soon(home.draw(front, place.user, note=said))
    else:
        front.replies.soon(front.replies.privately(place, said))
        home.draw_again(front, place.user)
