"""Takes the README's pictures, a card that waits for its approval and the Echo: `python -m tests.e2e.screenshot`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.chat import Chat, chromium
from tests.e2e.demo import demo

PICTURES = Path(__file__).parents[2] / "deploy" / "example"
CARD, ECHO = PICTURES / "card.png", PICTURES / "echo.png"


def main() -> None:
    """Play the story up to the gate in a real demo, and take the pictures: as Ben sees it, and beside Ana's Echo."""
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as one, chromium() as browser:
        chat = Chat(browser.new_page(viewport={"width": 1280, "height": 880}, color_scheme="light"), one.page)
        card = chat.ask("/deploy checkout prod")
        expect(card).to_contain_text("Who may approve")
        chat.become("Ben")
        expect(card.get_by_role("button", name="4 replies")).to_be_visible()
        chat.page.mouse.move(0, 0)
        chat.picture(CARD)
        chat.become("Ana")
        echo = chat.echo()
        echo.say("pair me")
        code = echo.found(r"\d{3} \d{3}")
        chat.answer_to(f"/release pair {code}")
        echo.say("Alexa, ask release desk how far is it")
        chat.page.mouse.move(0, 0)
        chat.picture(ECHO)
        for picture in (CARD, ECHO):
            print(f"{picture}: {picture.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
