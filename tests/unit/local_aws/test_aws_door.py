"""The bot's own server has the endpoint if a key pair is set, with the catalogue's pipelines in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.app import open_sayso
from bot.core.errors import Misconfigured
from bot.settings import Settings, read_settings
from integrations.local.plugin import uuid_of
from tests.support.local_world import LocalWorld
from tests.unit.local_aws.signing import KEY_ID, SECRET, Call, code

ROOT = Path(__file__).parents[3]


def catalogue(world: LocalWorld) -> str:
    return f'[services.shop.environments.production]\nbackend = "local"\npipeline = "{world.file}"\n'


def settings(root: Path, text: str = "", **more: Any) -> Settings:
    (root / "sayso.toml").write_text(text)
    keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
    return Settings.model_validate({"config": root / "sayso.toml", "data": root / "data", **keys, **more})


async def sent(configured: Settings, call: Call) -> httpx.Response:
    async with open_sayso(configured) as sayso:
        transport = httpx.ASGITransport(app=sayso.api)
        async with httpx.AsyncClient(transport=transport) as http:
            return await http.send(call.signed())


async def test_the_catalogues_pipelines_are_listed_before_they_ever_ran(tmp_path: Path) -> None:
    known = catalogue(LocalWorld(tmp_path / "world"))
    answer = await sent(settings(tmp_path, known), Call("ListPipelines", url="http://127.0.0.1/aws"))
    assert answer.status_code == 200, answer.text
    assert [each["name"] for each in answer.json()["pipelines"]] == ["shop"]


async def test_the_endpoint_works_with_an_empty_catalogue(tmp_path: Path) -> None:
    answer = await sent(settings(tmp_path), Call("ListPipelines", url="http://127.0.0.1/aws/"))
    assert answer.json() == {"pipelines": []}


async def test_without_a_key_pair_there_is_no_endpoint(tmp_path: Path) -> None:
    known = catalogue(LocalWorld(tmp_path / "world"))
    closed = settings(tmp_path, known, aws_access_key_id=None, aws_secret_access_key=None)
    answer = await sent(closed, Call("ListPipelines"))
    assert answer.status_code == 404


async def test_a_wrong_signature_stays_outside(tmp_path: Path) -> None:
    answer = await sent(settings(tmp_path), Call("ListPipelines", secret="another one"))
    assert (answer.status_code, code(answer)) == (403, "InvalidSignatureException")


async def test_an_address_that_is_none_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="SAYSO_AWS_EVENTS: entry 1 is no address of a target"):
        await sent(settings(tmp_path, aws_events="somewhere"), Call("ListPipelines"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"SAYSO_AWS_ACCESS_KEY_ID": KEY_ID}, "but SAYSO_AWS_SECRET_ACCESS_KEY is not"),
        ({"SAYSO_AWS_SECRET_ACCESS_KEY": SECRET}, "but SAYSO_AWS_ACCESS_KEY_ID is not"),
        ({"SAYSO_AWS_ACCESS_KEY_ID": KEY_ID, "SAYSO_AWS_SECRET_ACCESS_KEY": "short"}, "at least 16 characters"),
    ],
)
def test_half_a_key_pair_or_a_guessable_one_is_refused(
    given: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=sentence) as refusal:
        read_settings()
    assert SECRET not in str(refusal.value)


def test_without_the_extra_the_start_ends_with_one_sentence(tmp_path: Path) -> None:
    without = "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None; from bot.cli import main; main()"
    (tmp_path / "sayso.toml").write_text("")
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SAYSO_DATA": str(tmp_path / "data"), "SAYSO_PORT": "0",
        "SAYSO_CONFIG": str(tmp_path / "sayso.toml"), "SAYSO_AWS_ACCESS_KEY_ID": KEY_ID,
        "SAYSO_AWS_SECRET_ACCESS_KEY": SECRET,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", without, "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "SAYSO_AWS_ACCESS_KEY_ID is set, but boto3, which this needs, is not installed." in done.stderr
    assert 'Install "sayso[aws]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_ids_have_the_shape_of_awss_and_sort_by_time() -> None:
    earlier = uuid_of("0199aaaa000" + "0123456789ab", "0199aaaa000" + "cdef01234567")
    later = uuid_of("0199aaaa001" + "000000000000", "0199aaaa001" + "000000000000")
    assert earlier == "00199aaa-a000-7012-b456-789abcdef012"
    assert earlier < later
