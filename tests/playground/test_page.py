from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from .serving import Town, town
from .test_delivery import register

CHANNEL = "C01RELEASES"


@pytest.fixture
def bot() -> Iterator[Town]:
    with town(register) as one:
        yield one


class Browser:
    """A Chromium page that remembers every error."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    async def __aenter__(self) -> Page:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        self._driver = await async_playwright().start()
        self._browser = await self._driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await self._browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.set_default_timeout(180_000)
        expect.set_options(timeout=180_000)
        return page

    async def __aexit__(self, *_: object) -> None:
        await self._browser.close()
        await self._driver.stop()


async def write(page: Page, text: str) -> None:
    await page.get_by_test_id("composer").fill(text)
    await page.get_by_test_id("composer").press("Enter")


async def test_the_story_through_the_page(bot: Town) -> None:
    browser = Browser()
    async with browser as page:
        await page.goto(bot.url)
        await expect(page.get_by_test_id("label")).to_have_text("Local playground: not slack.com")
        await write(page, "/deploy card")
        log = page.get_by_test_id("log")
        await log.get_by_role("button", name="Approve").wait_for()

        await page.get_by_test_id("persona-U02BO").click()
        await log.locator("[data-action-id=reject]").click()
        modal = page.get_by_test_id("modal")
        await modal.get_by_label("Why?").fill("errors")
        await modal.get_by_test_id("modal-submit").click()
        await expect(modal.get_by_text("Say more.")).to_be_visible()
        await modal.get_by_label("Why?").fill("it is broken")
        await modal.get_by_test_id("modal-submit").click()
        await expect(modal).to_be_hidden()

        await log.locator("select[data-action-id=scope]").select_option("failed")
        await expect(log.get_by_text("chose failed")).to_be_visible()
        await expect(log.get_by_text("Only visible to you")).to_be_visible()
        await page.get_by_test_id("persona-U01ANA").click()
        await expect(log.get_by_text("chose failed")).to_be_hidden()

        await log.locator("[data-action-id=approve]").click()
        await expect(log.get_by_text("approved")).to_be_visible()
        await write(page, "@sayso hello")
        await page.get_by_role("button", name="1 reply").click()
        await expect(page.get_by_test_id("thread-panel").get_by_text("heard @Ana Ruiz")).to_be_visible()

        await page.get_by_test_id("home").click()
        await page.get_by_test_id("home-view").get_by_role("button", name="Go").click()
        bot.wait_for(lambda: bot.log[-1].get("view"), "the Home tab's button")
        await page.get_by_test_id("wire-toggle").click()
        await expect(page.get_by_test_id("wire").get_by_text("views.publish").first).to_be_visible()
    assert browser.errors == []


async def test_typing_a_slash_offers_the_commands_and_a_refusal_is_a_toast(bot: Town) -> None:
    async with Browser() as page:
        await page.goto(bot.url)
        await page.get_by_test_id("composer").press_sequentially("/d")
        await expect(page.get_by_role("option")).to_have_text(re.compile("^/deploy"))
        await page.get_by_test_id("composer").press("Tab")
        await expect(page.get_by_test_id("composer")).to_have_value("/deploy ")
        await write(page, "/nope")
        await expect(page.get_by_test_id("toast")).to_contain_text("/nope is not a valid command")
        await page.get_by_test_id("suggestion").first.click()
        await expect(page.get_by_test_id("composer")).to_have_value("/deploy checkout prod")


HOSTILE = (
    "<img src=x onerror=alert(1)> <script>alert(1)</script> <javascript:alert(1)|click> "
    ":white_check_mark: <!date^1700000000^{date_num}|then>"
)


async def test_nothing_that_a_message_says_becomes_markup(bot: Town) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}},
        {"type": "markdown", "text": HOSTILE + " [x](javascript:alert(1))"},
        {"type": "table", "rows": [[{"type": "raw_text", "text": HOSTILE}]]},
        {"type": "video_of_tomorrow"},
    ]
    browser = Browser()
    async with browser as page:
        await bot.client().chat_postMessage(channel=CHANNEL, text=HOSTILE, blocks=blocks[:3])
        state = bot.get("state")
        state["messages"][CHANNEL][0]["blocks"].append(blocks[3])
        await page.route("**/_ui/state", lambda route: route.fulfill(json=state))
        await page.goto(bot.url)
        message = page.get_by_test_id("log").get_by_role("article")
        await expect(message.get_by_text("[video_of_tomorrow] is not shown")).to_be_visible()
        await expect(message.get_by_text("2023-11-14")).to_be_visible()
        await expect(message.get_by_role("img", name="white check mark").first).to_be_visible()
        assert await message.locator("script, img[src=x], a[href^=javascript]").count() == 0
    assert browser.errors == []


async def test_the_page_fits_a_phone_and_keeps_the_focus_when_a_message_changes(bot: Town) -> None:
    async with Browser() as page:
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(bot.url)
        await write(page, "/deploy card")
        await page.get_by_role("button", name="Approve").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        ts = bot.messages()[-1]["ts"]
        await page.locator("[data-action-id=reject]").focus()
        card = bot.messages()[-1]["blocks"]
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "new words"}}, *card]
        await bot.client().chat_update(channel=CHANNEL, ts=ts, text="card", blocks=blocks)
        await page.get_by_text("new words").wait_for()
        assert await page.evaluate("document.activeElement.dataset.actionId") == "reject"


async def test_a_permalink_goes_to_its_message_even_in_a_thread(bot: Town) -> None:
    client = bot.client()
    parent = await client.chat_postMessage(channel=CHANNEL, text="parent")
    reply = await client.chat_postMessage(channel=CHANNEL, text="the reply", thread_ts=parent["ts"])
    link = (await client.chat_getPermalink(channel=CHANNEL, message_ts=reply["ts"]))["permalink"]
    async with Browser() as page:
        await page.goto(link)
        await expect(page.get_by_test_id("thread-log").get_by_text("the reply")).to_be_visible()
