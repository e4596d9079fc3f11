"""Sayso's chat page in a real Chromium, in the words of the people who use it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

PATIENCE = 180_000
"""Milliseconds that anything may take to appear: the machine may be slow and shared."""
PEOPLE = {"Ana": "U0ANA", "Ben": "U0BEN"}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOOK = """() => {
  const at = document.activeElement;
  return (at.getAttribute("aria-label") || at.textContent).slice(0, 60);
}"""


def executable() -> str:
    """Find the browser; without one the tests are skipped, but they fail where nobody would notice: in CI."""
    found = os.environ.get("SAYSO_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    why = f"No browser for the page: install Chromium, or name one in SAYSO_CHROMIUM (looked for {', '.join(NAMES)})."
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser for the time of the block."""
    path = executable()
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-background-networking", *root])
        try:
            yield browser
        finally:
            browser.close()


class Chat:
    """The page, used by one person after the other; it remembers every error that the browser told."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.errors = page, list[str]()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.goto(address)
        self.box.wait_for()

    def _hear(self, message: ConsoleMessage) -> None:
        # Violations of the page's Content-Security-Policy are told here, too.
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.text} ({message.location})")

    @property
    def box(self) -> Locator:
        """Where messages are typed."""
        return self.page.get_by_test_id("composer")

    @property
    def log(self) -> Locator:
        """The conversation."""
        return self.page.get_by_test_id("log")

    @property
    def thread(self) -> Locator:
        """The thread beside it."""
        return self.page.get_by_test_id("thread-log")

    @property
    def cards(self) -> Locator:
        """What the bot shows to everybody."""
        return self.log.locator("article:not(.ephemeral)")

    @property
    def private(self) -> Locator:
        """What the bot tells only the person who looks."""
        return self.log.locator("article.ephemeral")

    @property
    def modal(self) -> Locator:
        """The bot's form."""
        return self.page.get_by_test_id("modal")

    def become(self, name: str) -> None:
        """Go on as somebody else."""
        self.page.get_by_test_id(f"persona-{PEOPLE[name]}").click()

    def go(self, place: str) -> None:
        """Go to a channel or the Home tab, by the name that the sidebar shows."""
        self.page.get_by_role("navigation").get_by_role("button", name=re.compile(rf"^{place}( \d+ new)?$")).click()

    def say(self, text: str) -> None:
        """Type it and send it."""
        self.box.fill(text)
        self.box.press("Enter")

    def answer_to(self, text: str) -> Locator:
        """Say it, and give what the bot answers privately."""
        before = self.private.count()
        self.say(text)
        answer = self.private.nth(before)
        answer.wait_for()
        return answer

    def ask(self, text: str) -> Locator:
        """Ask for a release, and give its card."""
        answer = self.answer_to(text).inner_text()
        label = re.search(r"checkout #\d+", answer)
        assert label, f"the answer does not name a release: {answer}"
        return self.card(label[0])

    def card(self, label: str) -> Locator:
        """Give the card of a release."""
        return self.cards.filter(has_text=re.compile(rf"{re.escape(label)}\b"))

    def press(self, where: Locator, button: str, sure: Literal["yes", "no"] | None = None) -> None:
        """Press a button, and answer the question that it asks; None: it asks none."""
        where.get_by_role("button", name=button, exact=True).click()
        if sure:
            self.page.get_by_test_id(f"confirm-{sure}").click()

    def echo(self) -> Echo:
        """Open the Echo beside the chat."""
        self.page.get_by_test_id("echo-toggle").click()
        return Echo(self.page)

    def tab_to(self, words: str) -> None:
        """Go there with the keyboard alone."""
        passed = []
        for _ in range(80):
            self.page.keyboard.press("Tab")
            passed.append(self.page.evaluate(LOOK))
            if re.search(words, passed[-1]):
                return
        pytest.fail(f"The Tab key does not lead to {words}, only to {passed}")

    def fits(self) -> bool:
        """Tell whether nothing is wider than the window."""
        return bool(
            self.page.evaluate(
                """() => [document.documentElement, ...document.querySelectorAll(".log, .home, dialog[open]")]
                  .every((box) => box.scrollWidth <= box.clientWidth)"""
            )
        )

    def picture(self, path: Path) -> None:
        """Save what is seen."""
        self.page.screenshot(path=path)


class Echo:
    """The Echo beside the chat, spoken to by typing."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._answers = page.get_by_test_id("echo-answer")
        self.screen = page.get_by_test_id("echo-screen")
        self.known = page.get_by_test_id("echo-known")

    @property
    def answer(self) -> Locator:
        """What was answered last."""
        return self._answers.last

    @property
    def card(self) -> Locator:
        """The last card on the phone."""
        return self._page.get_by_test_id("echo-card").last

    @property
    def listens(self) -> bool:
        """Whether the microphone is open."""
        return self._page.get_by_test_id("echo-silence").is_visible()

    def say(self, words: str) -> None:
        """Say it, and wait for the answer."""
        before = self._answers.count()
        box = self._page.get_by_test_id("echo-box")
        box.fill(words)
        box.press("Enter")
        self._answers.nth(before).wait_for()

    def found(self, pattern: str) -> str:
        """Find something in the last answer; a group of the pattern is taken for the whole."""
        words = self.answer.inner_text()
        found = re.search(pattern, words)
        assert found, f"not in what Alexa said: {words}"
        return found[found.re.groups]


def task(card: Locator, text: str | re.Pattern[str]) -> Locator:
    """Give the rows of a card's plan that say this."""
    return card.locator(".task").filter(has_text=text)
