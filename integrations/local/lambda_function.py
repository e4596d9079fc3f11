"""Runs Invoke actions of Lambda: a handler's file as a function, on this machine."""

from __future__ import annotations

import asyncio
import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bot.core.errors import SaysoError
from bot.core.model import Frozen
from integrations.local import lambda_handler
from integrations.local.actions import AfterCrash, Attempt, Outcome, Progress, Result
from integrations.local.driven import Driven, lost_result
from integrations.local.files import Unfit
from integrations.local.host import Host
from integrations.local.outlet import LOG_BYTES
from integrations.local.processes import MARK, Lost, clean_environment

LONGEST_VALUE = 1000
MOST_VARIABLES = 50
_NAME = re.compile(r"[A-Za-z0-9@_-]{1,128}")


class Function(Frozen):
    """What the catalogue says about a Lambda function."""

    file: Path
    """The handler's file in Python; a relative path starts from the pipeline file's folder."""
    handler: str = "lambda_handler"
    """The function in it, also as Lambda writes it: `module.function`."""
    environment: Mapping[str, str] = {}
    python: str | None = None
    """The Python that runs it, as `/opt/shop/venv/bin/python`; without one: Sayso's own."""
    timeout_seconds: Annotated[int, Field(ge=1, le=900)] = 900
    """For one invocation (Lambda's longest: 15 minutes)."""


class LambdaRunner:
    """Carries out `Invoke/Lambda` (User Guide, "AWS Lambda invoke action reference").

    Where it differs from AWS: artifacts are folders of this machine (`location.folder`) instead of objects in S3, and
    a handler that returns without telling a result has succeeded, while on AWS its action would wait for one.
    """

    after_crash = AfterCrash.REATTACH

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        host: Host,
        of_server: Mapping[str, str],
        secrets: Iterable[str] = (),
        pause: float = 5.0,
    ) -> None:
        """Take the functions by name, and the values that no log may show.

        `pause` is the seconds before a function that asks to go on is invoked again.
        """
        self._functions, self._host, self._secrets, self._pause = functions, host, tuple(secrets), pause
        self._inherited = clean_environment(of_server)

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Invoke the function, or go on with the invocation that an earlier server began."""
        work = Driven(attempt, self._host, self._secrets)
        try:
            return await self._perform(attempt, work, interrupted=interrupted)
        except asyncio.CancelledError:
            await work.cancelled()
            raise
        except OSError as problem:
            await work.end()
            return await work.failed(problem)

    async def _perform(self, attempt: Attempt, work: Driven, *, interrupted: bool) -> Result:
        if interrupted and (earlier := await asyncio.to_thread(work.earlier_result)):
            return earlier
        try:
            if not (interrupted and work.find()):
                work.start("integrations.local.lambda_driver", self._plan(attempt), self._inherited)
        except Lost as lost:
            await work.end()
            return lost_result(lost)
        except (SaysoError, OSError) as problem:
            return await work.failed(problem)
        story = Invocations(attempt.configuration.get("FunctionName", ""))
        await work.follow(story)
        await work.end()
        assert work.log is not None
        result = _result(attempt, story.verdict)
        return await work.finish(
            result.model_copy(update={"detail": work.log.hide(result.detail), "log": work.log.tail()})
        )

    def _plan(self, attempt: Attempt) -> dict[str, Any]:
        """Put the invocation together. Raises `Unfit`."""
        name = attempt.configuration.get("FunctionName", "")
        if name not in self._functions:
            close = difflib.get_close_matches(name, self._functions, n=1)
            known = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(self._functions)) or 'none'}."
            fix = f'{known} Write functions.{name or "NAME"} = {{ file = "handler.py" }} in the catalogue.'
            raise Unfit(f"The catalogue knows no function called {name or 'that'}.", fix=fix)
        function = self._functions[name]
        file = (attempt.base / function.file.expanduser()).resolve()
        if not file.is_file():
            raise Unfit(f"The function {name} has no file {function.file}.", fix=f"Correct functions.{name}.file.")
        outputs = attempt.folder / "out"
        for output in attempt.declaration.output_artifacts:
            (outputs / output.name).mkdir(parents=True, exist_ok=True)
        given = attempt.configuration
        asked = {key: given[key] for key in ("FunctionName", "UserParameters") if key in given}
        data = {
            "actionConfiguration": {"configuration": asked},
            "inputArtifacts": [_artifact(name, str(path)) for name, path in attempt.inputs.items()],
            "outputArtifacts": [
                _artifact(each.name, str(outputs / each.name)) for each in attempt.declaration.output_artifacts
            ],
            "artifactCredentials": {"accessKeyId": "local", "secretAccessKey": "local", "sessionToken": "local"},
        }
        region = attempt.declaration.region or "us-east-1"
        environment = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "local",  # what is signed with them only reaches the driver's own address
            "AWS_SECRET_ACCESS_KEY": "local",
            **self._inherited,
            **attempt.environment,
            **function.environment,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "PYTHONUNBUFFERED": "1",
            # boto3 must not look for the driver's own address behind a proxy.
            "NO_PROXY": ",".join(["127.0.0.1", *filter(None, [self._inherited.get("NO_PROXY")])]),
            "no_proxy": ",".join(["127.0.0.1", *filter(None, [self._inherited.get("no_proxy")])]),
            MARK: attempt.id,
        }
        return {
            "job": attempt.id,
            "data": data,
            "python": [function.python or sys.executable, str(Path(lambda_handler.__file__))],
            "file": str(file),
            "function": function.handler.rpartition(".")[2],
            "cwd": str(file.parent),
            "environment": environment,
            "timeout": function.timeout_seconds,
            "log_bytes": LOG_BYTES,
            "pause": self._pause,
            # User Guide, "Quotas": an Invoke action of Lambda that goes on by continuation tokens ends after 7 days;
            # here an hour, since somebody waits for this machine.
            "longest": 3600,
        }


class Invocations:
    """What the driver's journal says."""

    def __init__(self, name: str) -> None:
        self.verdict: Mapping[str, Any] | None = None
        self._name, self._count = name, 0

    def read(self, event: Mapping[str, Any]) -> Progress | None:
        """Take an event; an invocation that begins is told."""
        if "verdict" in event:
            self.verdict = event["verdict"]
            return None
        self._count += 1
        again = f" (invocation {self._count})" if self._count > 1 else ""
        return Progress(detail=f"{self._name} works{again}")

    def look(self) -> Progress | None:
        """See nothing besides."""
        return None


def _artifact(name: str, folder: str) -> dict[str, Any]:
    return {"name": name, "revision": None, "location": {"type": "Local", "folder": folder}}


def _result(attempt: Attempt, verdict: Mapping[str, Any] | None) -> Result:
    if verdict is None:
        detail = "Interrupted: the function's process was ended by somebody else."
        return Result(outcome=Outcome.INTERRUPTED, detail=detail)
    if not verdict["ok"]:
        detail = " ".join(str(verdict["message"]).split())[:500]
        return Result(outcome=Outcome.FAILED, detail=detail, error=verdict.get("type", ""))
    variables = verdict.get("variables") or {}
    if wrong := _wrong(variables):
        return Result(outcome=Outcome.FAILED, detail=wrong)
    return Result(
        outcome=Outcome.SUCCEEDED,
        detail=" ".join(str(verdict["message"]).split())[:300],
        outputs={each.name: str(attempt.folder / "out" / each.name) for each in attempt.declaration.output_artifacts},
        variables=variables,
    )


def _wrong(variables: object) -> str | None:
    """Say what is wrong with output variables (API reference, "PutJobSuccessResult"); None if nothing is."""
    if not isinstance(variables, dict):
        return "Its outputVariables are no names with values."
    if len(variables) > MOST_VARIABLES:
        return f"It gave {len(variables)} output variables; at most {MOST_VARIABLES} are taken."
    for name, value in variables.items():
        if not _NAME.fullmatch(name) or not isinstance(value, str):
            return f"Its output variable {name[:100]} is no text, or can't be called so."
        if len(value) > LONGEST_VALUE:
            return f"Its output variable {name} has more than {LONGEST_VALUE:,} characters, CodePipeline's limit."
    return None
