"""A push that reaches the whole bot by webhook becomes a release that runs, with a card that says so."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import httpx
import pytest

from bot.app import open_sayso
from bot.core.errors import Misconfigured
from bot.core.model import Release, ReleaseKind, Status
from bot.settings import Settings
from bot.store import messages, releases
from bot.store.tables import CURSORS
from tests.support.small_service import CHANNEL, SmallServices, git
from tests.support.waiting import until

SECRET = "correct-horse-battery"


def services(root: Path) -> tuple[SmallServices, Settings]:
    made = SmallServices(root)
    hook = '[services.alpha.target.triggers.alpha]\nkind = "github"\nsecret_env = "ALPHA_HOOK"\n'
    known = made.catalogue.read_text().replace("[people.ben]", '[people.ben]\nlogins = ["github:ada"]')
    made.catalogue.write_text(known + hook)
    return made, Settings.model_validate({"config": made.catalogue, "data": root / "data"})


async def test_a_push_becomes_a_release_with_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHA_HOOK", SECRET)
    made, settings = services(tmp_path)
    commit = git(made.repository, "rev-parse", "HEAD")
    body = {"ref": "refs/heads/main", "repository": {"full_name": "team/alpha"}, "head_commit": {"id": commit},
            "pusher": {"name": "ada"}, "commits": []}  # fmt: skip
    raw = json.dumps(body).encode()
    signature = f"sha256={hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()}"
    async with open_sayso(settings) as sayso:

        async def found() -> list[Release]:
            async with sayso.database.read() as c:
                return list(await releases.recent(c))

        async def seen() -> bool:  # the adopter has looked once: what comes now is adopted
            async with sayso.database.read() as c:
                return bool(await c.scalar(CURSORS.select().where(CURSORS.c.listener.like("adopt %"))))

        await until(seen, bool)
        transport = httpx.ASGITransport(sayso.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as client:
            headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": signature}
            assert (
                await client.post("/hooks/alpha", content=raw, headers={**headers, "X-Hub-Signature-256": "x"})
            ).status_code == 401
            answer = await client.post("/hooks/alpha", content=raw, headers=headers)
            assert answer.status_code == 202, answer.text
            again = await client.post("/hooks/alpha", content=raw, headers=headers)
            assert again.json() == answer.json()
        (release,) = await until(found, lambda found: found and found[0].status is Status.SUCCEEDED)
        assert (release.kind, release.environment) == (ReleaseKind.ADOPTED, "staging")
        assert (release.requested_by, release.reason) == ("ben", "a push to main by ada")
        assert release.revision is not None
        assert (release.revision.id, release.revision.ref) == (commit, "main")
        async with sayso.database.read() as c:
            assert [card.destination for card in await messages.cards(c, [release.id])] == [CHANNEL]
    assert [what for what, *_ in made.effects()] == ["build", "staging AfterInstall", "staging ValidateService"]


async def test_a_server_without_the_hooks_secret_says_which(tmp_path: Path) -> None:
    _, settings = services(tmp_path)
    with pytest.raises(Misconfigured, match="ALPHA_HOOK, the secret of the trigger alpha, is not set"):
        async with open_sayso(settings):
            pass
