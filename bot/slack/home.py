"""The Home tab: what waits for me, what is under way, what runs where, and a way to start."""

from __future__ import annotations

import logging
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.core.commands import Command, Deployments, Releases, Verb
from bot.core.errors import SaysoError
from bot.core.wording import say
from bot.slack.forms import OPEN_DEPLOY
from bot.slack.front import Front, sorry, wish
from bot.slack.listings import deployment_lines, release_blocks
from bot.slack.replies import UNREACHABLE
from bot.slack.said import BUTTON_TEXT, Block, Said, actions, context, header, paragraphs, plain, section

_log = logging.getLogger(__name__)
REFRESH = "sayso.form.refresh"
_WAITING = 10
_ACTIVE = 15
_PLACES = 40


def listen(bolt: AsyncApp, front: Front) -> None:
    """Draw the tab whenever somebody opens it."""

    async def on_opened(event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            front.home_openers.add(str(event["user"]))
            front.replies.soon(draw(front, str(event["user"])))

    bolt.event("app_home_opened")(on_opened)


def draw_again(front: Front, user: str) -> None:
    """Draw the tab anew after something that this person did elsewhere, if they use it at all."""
    if user in front.home_openers:
        front.replies.soon(draw(front, user))


async def draw(front: Front, user: str, note: Said | None = None) -> None:
    """Publish the tab as it is now for one person; `note` tells on top what came of a click."""
    try:
        actor = front.actor(user, None)
        inbox = await front.desk.inbox(actor)
        where = await front.desk.do(actor, Command(verb=Verb.WHERE), wish("home"))
        assert isinstance(where, Deployments)
        blocks = home(front, inbox, where)
    except SaysoError as error:
        blocks = sorry(error).as_blocks
    except Exception as error:  # noqa: BLE001  # shown on the tab itself: nothing may end in silence
        blocks = front.incident(error).as_blocks
    top = [*note.as_blocks[:5], {"type": "divider"}] if note else []
    try:
        await front.client.views_publish(user_id=user, view={"type": "home", "blocks": [*top, *blocks][:100]})
    except UNREACHABLE as error:
        _log.warning("a Home tab could not be drawn: %s", type(error).__name__)


def home(front: Front, inbox: Releases, where: Deployments) -> list[Block]:
    """Build the tab's blocks, at most about 95 of Slack's 100."""
    mine = set(inbox.waiting_for_me)
    waiting = [release for release in inbox.releases if release.id in mine]
    others = [release for release in inbox.releases if release.id not in mine]
    blocks: list[Block] = [
        actions(
            _plain_button(say("slack.home.deploy"), OPEN_DEPLOY) | {"style": "primary"},
            _plain_button(say("slack.home.refresh"), REFRESH),
        ),
        header(say("slack.home.waits")),
    ]
    for release in waiting[:_WAITING]:
        blocks += release_blocks(release, front.catalogue, waits_for_me=True, near=False)
    blocks += _rest(len(waiting) - _WAITING) if waiting else [context(say("slack.home.waits.none"))]
    if others or not inbox.releases:
        blocks.append(header(say("slack.home.active")))
    for release in others[:_ACTIVE]:
        blocks += release_blocks(release, front.catalogue, waits_for_me=False, near=False)
    blocks += _rest(len(others) - _ACTIVE)
    if not inbox.releases:
        blocks.append(context(say("slack.home.active.none")))
    blocks.append(header(say("slack.home.where")))
    if where.deployments:
        blocks += paragraphs(deployment_lines(where.deployments, front.catalogue, _PLACES))
    else:
        blocks.append(section(say("slack.where.none")))
    return blocks


def _rest(more: int) -> list[Block]:
    return [context(say("slack.releases.more", n=more))] if more > 0 else []


def _plain_button(label: str, action: str) -> Block:
    return {"type": "button", "action_id": action, "text": plain(label, BUTTON_TEXT)}
