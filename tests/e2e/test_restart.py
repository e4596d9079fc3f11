"""The server dies under the eyes of people: the page stays, and the same card goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chat import Chat, chromium
from tests.support.programs import Programs, running
from tests.support.small_service import EFFECTS_OF_A_RELEASE, SmallServices


def page_of(programs: Programs) -> str:
    """Give the address of the workspace's page."""
    return f"http://127.0.0.1:{programs.playground_port}/"


@pytest.mark.browser
def test_a_card_goes_on_after_the_server_was_killed_while_people_look_at_it(tmp_path: Path) -> None:
    with running(SmallServices(tmp_path / "small")) as programs, chromium() as browser:
        chat = Chat(browser.new_page(), page_of(programs))
        chat.say("/deploy alpha prod")
        expect(chat.private.first).to_contain_text("Asked for: alpha #1 to prod.")
        programs.kill_server()
        programs.start_server()
        expect(chat.cards).to_contain_text("Who may approve")

        programs.kill_server()
        chat.become("Ben")
        chat.press(chat.cards, "Approve", sure="yes")
        expect(chat.page.get_by_test_id("toast")).to_be_visible()
        expect(chat.cards).to_contain_text("Who may approve")
        programs.start_server()
        chat.press(chat.cards, "Approve", sure="yes")
        expect(chat.cards).to_contain_text("Ana shipped alpha")
        expect(chat.cards).to_contain_text("approved by Ben")
        expect(chat.cards).to_have_count(1)
        assert [what for what, _, _ in programs.services.effects()] == list(EFFECTS_OF_A_RELEASE)
        assert chat.errors == []
