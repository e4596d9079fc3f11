"""The main job begun by voice: Ana speaks to the Echo beside the chat, proves it by a tap, and Ben approves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.chat import Chat, chromium
from tests.e2e.demo import Demo, demo

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Demo]:
    with demo(tmp_path) as one:
        yield one
    assert one.processes() == [], "nothing is left behind"


@pytest.fixture
def chat(browser: Browser, shared: Demo, tmp_path: Path) -> Iterator[Chat]:
    """The page as Ana opens it; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 1360, "height": 880})
    one = Chat(context.new_page(), shared.page)
    yield one
    one.picture(tmp_path / "at-the-end.png")  # of a failed test, pytest keeps it
    context.close()
    assert one.errors == []


def test_ana_asks_by_voice_presses_the_number_that_alexa_said_and_ben_approves(chat: Chat, shared: Demo) -> None:
    echo = chat.echo()
    echo.say("Alexa, open release desk")
    expect(echo.answer).to_contain_text("I don't know who you are")
    echo.say("pair me")
    expect(echo.answer).to_contain_text(re.compile(r"Your code is \d{3} \d{3}"))
    expect(echo.card).to_contain_text("Type /release pair in Slack")
    code = echo.found(r"\d{3} \d{3}")
    mine = chat.answer_to(f"/release pair {code}")
    expect(mine).to_contain_text("Your voice (en-US) speaks for you now.")

    echo.say("deploy checkout to production")
    expect(echo.answer).to_contain_text("checkout to production, as release 1. Shall I?")
    assert echo.listens
    echo.say("yes")
    expect(echo.answer).to_contain_text(re.compile(r"Now press \d\d in Slack"))
    assert not echo.listens
    expect(chat.cards).to_have_count(0)
    chat.go("Sayso")
    expect(chat.log).to_contain_text("Alexa heard: “deploy checkout to production”")
    chat.press(chat.log, echo.found(r"press (\d\d)"))
    expect(chat.log).to_contain_text("Confirmed by your tap")

    chat.go("# releases")
    card = chat.card("checkout #1")
    expect(card).to_contain_text("Who may approve")
    echo.say("what's the status")
    expect(echo.answer).to_contain_text("3 of 5 stages done, it waits for somebody's approval")
    expect(echo.screen).to_contain_text("checkout 1 → production")
    expect(echo.screen.locator(".apl-sequence > div")).to_have_count(5)
    echo.say("approve it")
    expect(echo.answer).to_contain_text("You are not among those who may approve checkout")
    echo.known.uncheck()
    echo.say("stop the release")
    expect(echo.answer).to_contain_text("I don't recognise your voice")
    echo.known.check()

    chat.become("Ben")
    chat.press(card, "Approve", sure="yes")
    expect(card).to_contain_text("Ana Ruiz shipped checkout")
    assert shared.runs("production") == shared.commit("main")
    card.get_by_role("button", name=re.compile("repl")).click()
    expect(chat.thread).to_contain_text("Ana Ruiz said “deploy checkout to production”, confirmed by a tap in Slack")
    chat.become("Ana")
    echo.say("Alexa, ask release desk what is deployed in production")
    expect(echo.answer).to_contain_text("checkout")

    echo.say("<img src=x>")
    expect(chat.page.get_by_test_id("echo-dialog")).to_contain_text("<img src=x>")
    expect(chat.page.get_by_test_id("echo-dialog").locator("img")).to_have_count(0)

    chat.page.get_by_test_id("wire-toggle").click()
    asked = chat.page.locator("#wire summary").filter(has_text="alexa: IntentRequest WhereIntent").first
    asked.click()
    told = json.loads(chat.page.locator("#wire details[open] pre").inner_text())
    assert told["headers"]["SignatureCertChainUrl"].startswith("https://s3.amazonaws.com/echo.api/")
    assert told["body"]["request"]["intent"]["slots"]["environment"]["value"] == "production"
    chat.page.get_by_test_id("wire-toggle").click()
    for width, height in ((390, 844), (900, 700), (1360, 880)):
        chat.page.set_viewport_size({"width": width, "height": height})
        assert chat.fits(), f"{width} wide"
