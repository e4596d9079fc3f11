"""Takes the README's picture of a card that waits for its approval: `python -m tests.e2e.screenshot`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.chat import Chat, chromium
from tests.e2e.demo import demo

PICTURE = Path(__file__).parents[2] / "deploy" / "example" / "card.png"


def main() -> None:
    """Play the story up to the gate in a real demo, and take the picture as Ben sees it."""
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as one, chromium() as browser:
        chat = Chat(browser.new_page(viewport={"width": 1280, "height": 880}, color_scheme="light"), one.page)
        card = chat.ask("/deploy checkout prod")
        expect(card).to_contain_text("Who may approve")
        chat.become("Ben")
        expect(card.get_by_role("button", name="4 replies")).to_be_visible()
        chat.page.mouse.move(0, 0)
        chat.picture(PICTURE)
        print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
