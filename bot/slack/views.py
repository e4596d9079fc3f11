"""Modals in use: another service is picked, an option is searched for, a form is handed in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.core.commands import Accepted, Command
from bot.core.errors import BadInput, NotFound, NotUnderstood, SaysoError
from bot.core.grammar import check_reason, check_ref
from bot.core.typed_text import escaped
from bot.core.wording import say
from bot.slack import home
from bot.slack.answers import render
from bot.slack.forms import (
    DEPLOY_FORM,
    ENVIRONMENT,
    PICK_ENVIRONMENT,
    PICK_SERVICE,
    REASON,
    REASON_FORM,
    REF,
    SERVICE,
    Origin,
    answer_view,
    deploy_command,
    deploy_form,
    environment_block,
    environment_options,
    matching,
    origin_of,
    read_form,
    read_reason,
    service_options,
)
from bot.slack.front import Front, wish
from bot.slack.people import Stranger
from bot.slack.replies import place_of_form
from bot.slack.said import Said

Ack = Callable[..., Awaitable[Any]]


class _Wrong(Exception):
    """A field holds something that can't be used."""

    def __init__(self, block: str, error: SaysoError) -> None:
        self.block = block
        self.error = error


def listen(bolt: AsyncApp, front: Front) -> None:
    """Register everything that happens in a modal."""

    async def on_service(ack: Ack, body: dict[str, Any]) -> Any:
        view = body["view"]
        form = deploy_form(front.catalogue, read_form(view), origin_of(view))
        front.replies.soon(front.replies.update_view(view["id"], form))
        return await ack()

    async def on_service_search(ack: Ack, body: dict[str, Any]) -> Any:
        return await ack(options=matching(service_options(front.catalogue), str(body.get("value") or "")))

    async def on_environment_search(ack: Ack, body: dict[str, Any]) -> Any:
        service = str(body.get("block_id") or "").removeprefix(f"{ENVIRONMENT}.")
        return await ack(options=matching(environment_options(front.catalogue, service), str(body.get("value") or "")))

    async def on_deploy(ack: Ack, body: dict[str, Any]) -> Any:
        view = body["view"]
        form = read_form(view)
        if form.service and not form.environment:
            # Handed in before the environments of the picked service had arrived.
            return await ack(response_action="update", view=deploy_form(front.catalogue, form, origin_of(view)))
        last = environment_block(form.service) if form.service else SERVICE
        return await _submitted(front, ack, body, lambda: _deploy(view), last)

    async def on_reason(ack: Ack, body: dict[str, Any]) -> Any:
        return await _submitted(front, ack, body, lambda: _with_reason(body["view"]), REASON)

    async def on_anything_else(ack: Ack) -> Any:
        return await ack()

    bolt.action(PICK_SERVICE)(on_service)
    bolt.options(PICK_SERVICE)(on_service_search)
    bolt.options(PICK_ENVIRONMENT)(on_environment_search)
    bolt.view(DEPLOY_FORM)(on_deploy)
    bolt.view(REASON_FORM)(on_reason)
    bolt.view(re.compile(".*"))(on_anything_else)
    bolt.view_closed(re.compile(".*"))(on_anything_else)


def _deploy(view: dict[str, Any]) -> Command:
    form = read_form(view)
    if not form.service or not form.environment:
        raise _Wrong(SERVICE, NotUnderstood(say("slack.form.incomplete")))
    try:
        ref = check_ref(form.ref) if form.ref else None
    except SaysoError as error:
        raise _Wrong(REF, error) from error
    return deploy_command(form.model_copy(update={"ref": ref, "reason": _reason(form.reason)}))


def _with_reason(view: dict[str, Any]) -> Command:
    command = origin_of(view).command
    if command is None:
        raise _Wrong(REASON, BadInput(say("slack.form.failed")))
    reason = _reason(read_reason(view))
    if not reason:
        raise _Wrong(REASON, NotUnderstood(say(f"slack.{command.verb}.reason")))
    return command.model_copy(update={"reason": reason})


def _reason(text: str) -> str:
    try:
        return check_reason(escaped(text))
    except SaysoError as error:
        raise _Wrong(REASON, error) from error


async def _submitted(front: Front, ack: Ack, body: dict[str, Any], read: Callable[[], Command], block: str) -> Any:
    """Take a form's command to the desk. What is wrong stands at its field, and the form stays open to be mended."""
    view = body["view"]
    user = str(body["user"]["id"])
    try:
        origin = origin_of(view)
        actor = front.actor(user, origin.channel, str(body["user"].get("username") or body["user"].get("name") or ""))
        command = read()
        answer = await front.desk.do(actor, command, wish("view", str(view["id"])))
        said = render(answer, command, front.catalogue)
    except _Wrong as wrong:
        return await ack(response_action="errors", errors={wrong.block: str(wrong.error)})
    except Stranger as error:
        return await ack(response_action="errors", errors={block: str(error)})
    except SaysoError as error:
        at = SERVICE if isinstance(error, NotFound) and block != REASON else block
        return await ack(response_action="errors", errors={at: str(error)})
    except Exception as error:  # noqa: BLE001  # the one handler of this surface: nothing may end in silence
        return await ack(response_action="update", view=answer_view(front.incident(error), Origin()))
    return await _told(front, ack, user, origin, said, final=isinstance(answer, Accepted))


async def _told(front: Front, ack: Ack, user: str, origin: Origin, said: Said, *, final: bool) -> Any:
    """Close the form and answer where it was opened; where that can't be, or buttons follow, answer in the form."""
    if origin.home and final:
        front.replies.soon(home.draw(front, user, note=said))
        return await ack()
    if final and (origin.channel or origin.response_url):
        front.replies.soon(front.replies.privately(place_of_form(user, origin), said))
        home.draw_again(front, user)
        return await ack()
    return await ack(response_action="update", view=answer_view(said, origin))
