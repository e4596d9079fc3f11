"""Puts what the deliverer wants told into Slack's form, with the names and rules of the catalogue."""

from __future__ import annotations

from bot.catalogue import Catalogue
from bot.core.errors import NotFound
from bot.core.memos import Memo
from bot.core.model import Release
from bot.deliver.telling import Style, Telling
from bot.slack.cards import card, memos, notes
from bot.slack.cards.scene import Scene
from bot.slack.content import SlackContent
from bot.store.messages import Purpose


class SlackRenderer:
    """Implements `bot.deliver.telling.Renderer`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def render(self, telling: Telling) -> SlackContent | None:
        """Draw a card, a note, a notice or a direct message."""
        scene = self.scene(telling.release)
        if telling.purpose is Purpose.CARD:
            return card.draw(scene, telling.style)
        if telling.event is None:
            return None
        event = telling.event.event
        match telling.purpose:
            case Purpose.THREAD:
                drawn = notes.note(scene, event)
            case Purpose.NOTICE:
                drawn = notes.notice(scene, event, telling.link)
            case Purpose.DIRECT:
                drawn = notes.direct(scene, event, telling.link)
            case _:
                return None
        return SlackContent(drawn.text) if drawn and telling.style is Style.TEXT else drawn

    def memo(self, memo: Memo, style: Style) -> SlackContent:
        """Draw a question or a notice; its buttons are as plain as any workspace knows them."""
        drawn = memos.draw(memo)
        return SlackContent(drawn.text) if style is Style.TEXT else drawn

    def address(self, person: str) -> str | None:
        """Give a person's Slack user id."""
        found = self._catalogue.people.get(person)
        return found.slack if found else None

    def scene(self, release: Release) -> Scene:
        """Gather what the catalogue knows around a release; it may have changed since the release was asked for."""
        try:
            rules = self._catalogue.rules(release.service, release.environment)
            environments = self._catalogue.environments_by_stage(release.service, release.environment)
        except NotFound:
            rules, environments = None, {}
        known = self._catalogue
        return Scene(
            release=release, rules=rules, name_of=known.name_of, environments=environments, behind=known.behind(release)
        )
