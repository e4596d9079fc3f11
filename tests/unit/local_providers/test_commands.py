"""Commands run in one shell, with their variables, and leave what the pipeline says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from integrations.local.actions import Outcome, Result
from integrations.local.host import this_host
from integrations.local.providers import Machine, builtin_providers, plugged_providers
from integrations.local.target import Settings
from tests.support.desk_world import now
from tests.support.provider_bench import Bench


async def run(bench: Bench, *commands: str, **declared: Any) -> Result:
    machine = Machine(bench.tmp / "data", this_host(), os.environ, now)
    runner = builtin_providers(machine)["Compute", "Commands"](Settings())
    tree = {"Tree": bench.tree("in", {"src/a.txt": "hi"})}
    attempt = bench.attempt("Compute", "Commands", inputs=tree, commands=commands, **declared)
    return await runner.perform(attempt, interrupted=False)


async def test_commands_share_a_shell_and_leave_files_and_variables(bench: Bench) -> None:
    result = await run(
        bench,
        "cd src && export GREETING=$(cat a.txt)-$NAME",
        "mkdir -p ../out && echo $GREETING >../out/b.txt",
        outputArtifacts=[{"name": "Out", "files": ["out/b.txt"]}],
        outputVariables=["GREETING"],
        environmentVariables=[{"name": "NAME", "value": "ada"}],
    )
    assert result.outcome is Outcome.SUCCEEDED, bench.log
    assert result.variables == {"GREETING": "hi-ada"}
    assert (Path(result.outputs["Out"]) / "out/b.txt").read_text() == "hi-ada\n"


async def test_the_first_failing_command_is_the_last(bench: Bench) -> None:
    result = await run(bench, "echo one", "exit 3", "echo never")
    assert result.outcome is Outcome.FAILED
    assert "`exit 3` ended with exit code 3" in result.detail
    assert "never" not in bench.log.replace("echo never", "")


async def test_an_action_without_commands_says_so(bench: Bench) -> None:
    assert (await run(bench)).detail == "The action Step has no commands."


def test_others_bring_providers_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def providers(machine): return {('Test', 'Notebook'): lambda settings: (machine.data, settings.providers)}"
    (tmp_path / "notebook_runner.py").write_text(code)
    info = tmp_path / "notebook_runner-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notebook-runner\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sayso.local.providers]\nnotebook = notebook_runner:providers\n")
    monkeypatch.syspath_prepend(tmp_path)
    machine = Machine(tmp_path / "data", this_host(), {}, now)
    found: Any = plugged_providers(machine)["Test", "Notebook"](Settings(providers={"notebook": {"kernel": "py"}}))
    assert found == (tmp_path / "data", {"notebook": {"kernel": "py"}})


async def test_a_rule_may_have_its_commands_in_its_configuration(bench: Bench) -> None:
    result = await run(bench, configuration={"Commands": "test -f src/a.txt\nexit 4"})
    assert "`exit 4` ended with exit code 4" in result.detail
