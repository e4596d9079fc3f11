"""`sayso aws`, typed by hand, against a real endpoint."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.aws_world import KEY_ID, SECRET, AwsWorld, open_aws_world

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AwsWorld]:
    async with open_aws_world(tmp_path) as found:
        yield found


async def sayso(world: AwsWorld, *words: str, folder: Path) -> tuple[int, str, str]:
    environment = {
        "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
        "SAYSO_AWS_ENDPOINT_URL": world.url, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "aws", *words, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, error = await process.communicate()
    return process.returncode or 0, told.decode(), error.decode()


async def test_a_catalogue_is_discovered_and_its_policy_printed(world: AwsWorld, tmp_path: Path) -> None:
    await world.call("create_pipeline", pipeline=world.declaration("checkout"))
    code, told, error = await sayso(world, "discover", "--region", "us-east-1", "--out", "sayso.toml", folder=tmp_path)
    assert (code, error) == (0, "")
    assert told == "Wrote sayso.toml: one environment.\n"
    written = (tmp_path / "sayso.toml").read_text()
    assert 'pipeline = "checkout"' in written

    code, _, error = await sayso(world, "discover", "--region", "us-east-1", "--out", "sayso.toml", folder=tmp_path)
    assert (code, error.split(".toml")[0]) == (2, "sayso")
    assert (tmp_path / "sayso.toml").read_text() == written

    code, told, error = await sayso(world, "policy", "--account", "123456789012", folder=tmp_path)
    assert (code, error) == (0, "")
    assert '"arn:aws:codepipeline:us-east-1:123456789012:checkout"' in told
    assert json.loads(told)["Version"] == "2012-10-17"


async def test_what_is_not_there_is_a_sentence(world: AwsWorld, tmp_path: Path) -> None:
    code, told, error = await sayso(world, "discover", "--region", "us-east-1", folder=tmp_path)
    assert (code, told, error) == (2, "", "There are no pipelines in us-east-1.\n")
    code, _, error = await sayso(world, "policy", "--account", "12", folder=tmp_path)
    assert (code, error) == (2, "12 is not the number of an AWS account, which has twelve digits.\n")
