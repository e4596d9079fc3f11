"""Runs Build and Test actions: a CodeBuild project's buildspec, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.core.errors import SaysoError
from integrations.local.actions import AfterCrash, Attempt, Outcome, Result
from integrations.local.build_outputs import artifacts, exported
from integrations.local.build_plan import Builder, Project, prepare
from integrations.local.build_runtimes import Runtimes
from integrations.local.build_story import BuildStory
from integrations.local.driven import Driven, lost_result
from integrations.local.files import remove
from integrations.local.host import Host
from integrations.local.logs import Log
from integrations.local.outlet import LOG_BYTES
from integrations.local.processes import Lost, clean_environment, write_durably
from integrations.local.secret_sources import SecretSource
from integrations.specs.buildspec import Buildspec

__all__ = ["CodeBuildRunner", "Project"]


class CodeBuildRunner:
    """Carries out CodeBuild actions.

    Where it differs from AWS: HOME is this user's, and commands see this machine's tools (`deploy/LOCAL.md`).
    """

    after_crash = AfterCrash.REATTACH

    def __init__(
        self,
        *,
        data: Path,
        projects: Mapping[str, Project],
        host: Host,
        of_server: Mapping[str, str],
        secrets: Iterable[str] = (),
        source: SecretSource | None = None,
        runtimes: Runtimes | None = None,
        cache_mb: int = 5000,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        """Take what a build needs.

        `data` is a folder for build numbers and caches; `projects` by name; `of_server` is the server's environment, of
        which only harmless variables reach a build; `secrets` are values that no log may show; `source` says where the
        secrets are that buildspecs name, `runtimes` where language versions are.
        """
        self._host = host
        self._secrets = tuple(secrets)
        self._builder = Builder(
            data=data, projects=projects, inherited=clean_environment(of_server), of_server=of_server,
            source=source or SecretSource(), runtimes=runtimes or {}, cache_mb=cache_mb, log_bytes=log_bytes,
        )  # fmt: skip

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Run the build to its end, or go on with the one that an earlier server began."""
        work = Driven(attempt, self._host, self._secrets)
        try:
            return await self._perform(attempt, work, interrupted=interrupted)
        except asyncio.CancelledError:
            await work.cancelled()
            raise
        except OSError as problem:  # such as a full disk while its log is written
            await work.end()
            return await work.failed(problem)

    async def _perform(self, attempt: Attempt, work: Driven, *, interrupted: bool) -> Result:
        if interrupted and (earlier := await asyncio.to_thread(work.earlier_result)):
            return earlier
        try:
            if not (interrupted and work.find()):
                plan = await asyncio.to_thread(prepare, attempt, self._builder)
                work.start("integrations.local.build_driver", plan, self._builder.inherited)
        except Lost as lost:
            await work.end()
            return lost_result(lost)
        except (SaysoError, OSError, shutil.Error) as problem:
            await work.end()
            return await work.failed(problem)
        spec = Buildspec.model_validate_json((attempt.folder / "buildspec.json").read_text())
        plan = json.loads((work.folder / "plan.json").read_text())
        story = BuildStory(attempt.folder / "src", spec, plan)
        await work.follow(story)
        async with work.ending() as earlier:
            if earlier is not None:
                return earlier
            if left := await work.end():
                assert work.log is not None
                work.log.say(f"{left} processes that the build left behind were ended")
            return await self._result(attempt, work, story)

    async def _result(self, attempt: Attempt, work: Driven, story: BuildStory) -> Result:
        assert work.log is not None
        assert work.process is not None
        tests = await asyncio.to_thread(story.tests, final=True)
        outputs: dict[str, str] = {}
        variables: dict[str, str] = {}
        outcome, detail = story.verdict(work.process.exit_code())
        error = "" if outcome is not Outcome.FAILED else story.code
        began = time.time()
        if outcome is Outcome.SUCCEEDED:
            try:
                outputs = await asyncio.to_thread(artifacts, attempt, story.spec)
                variables = await asyncio.to_thread(exported, work.folder / "exported", story.spec)
            except (SaysoError, OSError, shutil.Error) as problem:
                failed = await work.failed(problem)
                outcome, detail, error = failed.outcome, failed.detail, failed.error
            story.uploaded(began, time.time(), detail)
        story.completed(time.time())
        if story.spec.reports:
            await asyncio.to_thread(_keep_reports, attempt.log.with_name("reports.json"), story, work.log)
        result = Result(
            outcome=outcome,
            detail=work.log.hide(detail),
            error=error,
            outputs=outputs,
            variables={name: work.log.hide(value) for name, value in variables.items()},
            tests=work.log.hide_tests(tests),
            log=work.log.tail(),
            phases=work.log.hide_phases(story.phases),
            build_number=story.number,
        )
        result = await work.finish(result)
        for path in attempt.folder.glob("src*"):
            await asyncio.to_thread(remove, path)
        await asyncio.to_thread(work.remove_traces)
        return result


def _keep_reports(path: Path, story: BuildStory, log: Log) -> None:
    """Write the report groups with their cases beside the log, secrets masked; without them the build is no worse."""
    with contextlib.suppress(SaysoError, OSError):
        write_durably(path, log.hide(json.dumps(story.groups(), ensure_ascii=False)))
