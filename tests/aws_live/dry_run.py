"""Runs the live tests without an account: CodePipeline, CodeBuild and logs from the local endpoint, the rest from moto.

`python -m tests.aws_live.dry_run`; it proves that the tests work, and nothing about AWS.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.support.aws_world import KEY_ID, SECRET, open_aws_world
from tests.support.moto_world import moto_world


async def run(words: list[str]) -> int:
    """Run pytest in a process of its own; gives its exit code."""
    with tempfile.TemporaryDirectory() as folder, moto_world() as moto:
        ours = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": moto,
                "AWS_DEFAULT_REGION": "us-east-1", "SAYSO_TEST_REGION": "us-east-1"}  # fmt: skip
        os.environ.update(ours)  # the local engine fetches from moto's S3, too
        async with open_aws_world(Path(folder)) as world:
            local = {f"AWS_ENDPOINT_URL_{each}": world.url for each in ("CODEPIPELINE", "CODEBUILD", "CLOUDWATCH_LOGS")}
            tests = ["-m", "pytest", "-m", "aws", "-p", "no:cacheprovider", "tests/aws_live", *words]
            process = await asyncio.create_subprocess_exec(sys.executable, *tests, env={**os.environ, **local})
            return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1:])))
