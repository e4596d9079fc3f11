"""What buildspec 0.2 offers beyond commands, each with real builds: retries, runtimes, artifacts, cache, phases."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from integrations.local.actions import Outcome
from integrations.local.build_cache import Cache, hash_files
from integrations.local.build_plan import next_number
from tests.unit.local_runners.builds import build, said
from tests.unit.local_runners.test_build import tree

FLAKY = "echo . >>../tries; test $(wc -l <../tries) -ge 3 || { echo connection timed out; exit 7; }"


@pytest.mark.parametrize(
    ("rule", "tries", "succeeds"),
    [
        ("RETRY", 3, True),
        ("RETRY-1", 2, False),
        ("RETRY-0", 1, False),
        ("RETRY-.*timed out.*", 3, True),
        ("RETRY-5-connection timed", 3, True),
        ("RETRY-5-no such thing", 1, False),
        ("RETRY-exit status 7", 3, True),
        ("ABORT", 1, False),
    ],
)
async def test_a_phase_is_retried_as_its_rule_says(bench: Any, rule: str, tries: int, succeeds: bool) -> None:
    spec = f"""version: 0.2
phases:
  build:
    on-failure: {rule}
    commands: [{json.dumps(FLAKY)}]
    finally: ["echo finally $CODEBUILD_BUILD_SUCCEEDING"]
  post_build: {{commands: ["echo post $CODEBUILD_BUILD_SUCCEEDING"]}}
"""
    result = await build(bench, spec)
    assert result.outcome is (Outcome.SUCCEEDED if succeeds else Outcome.FAILED)
    assert (bench.tmp / "attempt-1" / "tries").read_text().count(".") == tries
    words = [line for line in said(bench.log) if "finally" in line]
    assert words == ["finally 0"] * (tries - 1) + [f"finally {1 if succeeds else 0}"]
    assert said(bench.log)[-1] == f"post {1 if succeeds else 0}"


VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def program(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


def install(versions: str) -> str:
    return f"version: 0.2\nenv: {{variables: {{NODE: '18'}}}}\nphases:\n  install:\n    runtime-versions: {versions}\n"


async def test_runtimes_are_found_on_the_machine_or_where_the_catalogue_says(bench: Any) -> None:
    tools, mapped = bench.tmp / "tools", bench.tmp / "java"
    program(tools, f"python{VERSION}", f"Python {VERSION}.1")
    program(tools, "python3", "Python 2.0")
    program(tools, "node", "v18.20.1")
    program(mapped, "java", "mapped")
    spec = install(f"{{python: {VERSION}, nodejs: $NODE, java: corretto17}}")
    spec += '  build: {commands: ["python; python3; pip; node; java"]}'
    path = {"PATH": f"{tools}:/usr/bin:/bin"}
    result = await build(bench, spec, of_server=path, runtimes={"java": {"17": mapped}})
    assert result.outcome is Outcome.SUCCEEDED, bench.log + result.detail
    assert said(bench.log) == [f"Python {VERSION}.1"] * 3 + ["v18.20.1", "mapped"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("python: 2.9", "The buildspec asks for python 2.9, but this machine has python 3.11.4."),
        ("golang: 1.22", "The buildspec asks for golang 1.22, but this machine has no golang."),
        ("klingon: 1", "The buildspec asks for klingon 1, but this machine has no klingon."),
        ("java: 21", "The catalogue says that java 21 is in"),
        ("python: 3.x", ""),
        ("python: latest", ""),
    ],
)
async def test_a_runtime_that_is_not_here_is_a_sentence(bench: Any, asked: str, sentence: str) -> None:
    program(bench.tmp / "tools", "python3", "Python 3.11.4")
    for name in ("cat", "sh", "mv", "sleep"):
        (bench.tmp / "tools" / name).symlink_to(f"/bin/{name}")
    path = {"PATH": str(bench.tmp / "tools")}
    result = await build(bench, install(f"{{{asked}}}"), of_server=path, runtimes={"java": {"21": bench.tmp / "gone"}})
    if not sentence:
        assert result.outcome is Outcome.SUCCEEDED, result.detail
        return
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith(sentence)
    assert ("runtimes." in result.detail) is not sentence.startswith("The catalogue")


ARTIFACTS = """version: 0.2
env: {variables: {STAGE: prod}}
phases:
  build:
    commands:
      - export OUT=dist VERSION=$(cat VERSION)
      - mkdir -p dist/a dist/b logs && echo 1 >dist/a/x.txt && echo 2 >dist/b/x.map
      - ln -s a/x.txt dist/link && echo 3 >logs/l
artifacts:
  name: app-$STAGE-$VERSION-$(echo hi)
  base-directory: $OUT
  files: ['**/*']
  exclude-paths: ['**/*.map']
  enable-symlinks: yes
  secondary-artifacts:
    Logs: {files: ['$CODEBUILD_SRC_DIR/logs/*', '${OUT}/a/**'], discard-paths: yes, name: logs}
reports: {unit: {files: ['*.xml'], base-directory: $OUT/nothing}}
"""


async def test_artifacts_have_variables_exclusions_links_and_flat_copies(bench: Any) -> None:
    files = {"VERSION": "1.2\n"}
    first = await build(bench, ARTIFACTS, files=files, outputs=("App",))
    assert first.outcome is Outcome.SUCCEEDED, first.detail
    app = Path(first.outputs["App"])
    assert set(tree(app)) == {"a/x.txt", "link"}
    assert (app / "link").readlink() == Path("a/x.txt")
    assert first.tests
    assert "no report file matches *.xml in dist/nothing" in first.tests.notes[0]
    second = await build(bench, ARTIFACTS, files=files, outputs=("Logs",), number=2)
    assert set(tree(Path(second.outputs["Logs"]))) == {"l", "x.txt"}


CACHED = """version: 0.2
phases:
  build:
    commands:
      - cat node_modules/kept 2>/dev/null || echo nothing
      - mkdir -p node_modules; echo $WORD >node_modules/kept
cache: {%s paths: ['node_modules/**/*', '/root/.npm/**/*']}
"""


async def cached(bench: Any, key: str, word: str, number: int, **more: Any) -> str:
    files = {"lock": more.pop("lock", "1")}
    (bench.tmp / "log.txt").unlink(missing_ok=True)
    variables = [{"name": "WORD", "value": word}]
    result = await build(bench, CACHED % key, files=files, variables=variables, number=number, **more)
    assert result.outcome is Outcome.SUCCEEDED, result.detail
    return said(bench.log)[0]


async def test_a_cache_brings_back_what_the_last_build_left(bench: Any) -> None:
    assert await cached(bench, "", "one", 1) == "nothing"
    assert "leaves out /root/.npm/**/*: it lies outside of the source folder" in bench.log
    assert await cached(bench, "", "two", 2) == "one"
    assert await cached(bench, "", "three", 3) == "two"


async def test_a_cache_with_a_key_is_found_by_it_or_by_a_fallback(bench: Any) -> None:
    key = "key: 'npm-$(codebuild-hash-files lock)', fallback-keys: [other-, npm-],"
    assert await cached(bench, key, "one", 1, lock="1") == "nothing"
    assert await cached(bench, key, "two", 2, lock="1") == "one"
    assert await cached(bench, key, "three", 3, lock="1") == "one", "an entry that was found under its key stays"
    assert await cached(bench, key, "four", 4, lock="2") == "one"
    assert await cached(bench, key, "five", 5, lock="2") == "four"
    assert await cached(bench, "key: npm-x, action: restore,", "six", 6) == "nothing"
    assert await cached(bench, "key: npm-x,", "six", 7) == "nothing"


async def test_a_cache_that_is_too_large_is_not_kept(bench: Any) -> None:
    spec = """version: 0.2
phases: {build: {commands: ["test ! -e big", "head -c 1100000 /dev/zero >big"]}}
cache: {paths: [big]}"""
    for number in (1, 2):
        result = await build(bench, spec, number=number, cache_mb=1)
        assert result.outcome is Outcome.SUCCEEDED
    assert "the cache was not saved: it is too large" in bench.log


def test_old_caches_make_room_for_new_ones(tmp_path: Path) -> None:
    cache, source = Cache(tmp_path / "cache", "p", 250), tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(b"x" * 100)
    for key in ("a", "b", "c"):
        assert cache.save(source, key, ("f",)) == (1, 100)
    assert cache.restore(tmp_path / "other", "a", []) is None
    assert cache.restore(tmp_path / "other", "c", []) == ("c", True)
    assert not list((tmp_path / "cache").glob("new-*"))


async def test_builds_side_by_side_share_a_cache_without_harm(tmp_path: Path) -> None:
    def one(number: int) -> None:
        source = tmp_path / f"s{number}"
        source.mkdir()
        for n in range(20):
            (source / f"f{n}").write_text(str(number))
        cache = Cache(tmp_path / "cache", "p", 100_000)
        for _ in range(5):
            cache.save(source, "", ("f*",))
            target = tmp_path / f"t{number}"
            assert cache.restore(target, "", [])
            assert len({(target / f"f{n}").read_text() for n in range(20)}) == 1, "a mixture of two entries"

    await asyncio.gather(*(asyncio.to_thread(one, number) for number in range(4)))


def test_a_restored_cache_never_writes_through_a_link(tmp_path: Path) -> None:
    source, outside = tmp_path / "source", tmp_path / "outside"
    (source / "d").mkdir(parents=True)
    (source / "d" / "f").write_text("cached")
    cache = Cache(tmp_path / "cache", "p", 1000)
    cache.save(source, "", ("d/**",))
    outside.mkdir()
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "d").symlink_to(outside)
    cache.restore(tmp_path / "next", "", [])
    assert list(outside.iterdir()) == []
    assert (tmp_path / "next" / "d" / "f").read_text() == "cached"


def test_the_hash_of_files_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    one = hash_files(["*"], tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({one, hash_files(["*"], tmp_path), hash_files(["none"], tmp_path)}) == 3


async def test_builds_of_a_project_are_numbered_also_side_by_side(tmp_path: Path) -> None:
    numbers = await asyncio.gather(*(asyncio.to_thread(next_number, tmp_path, "shop") for _ in range(20)))
    assert sorted(numbers) == list(range(1, 21))
    assert next_number(tmp_path, "other") == 1


async def test_a_build_knows_its_number_and_its_start(bench: Any) -> None:
    spec = "version: 0.2\nphases: {build: {commands: ['echo $CODEBUILD_BUILD_NUMBER $CODEBUILD_START_TIME']}}"
    first = await build(bench, spec)
    second = await build(bench, spec, number=2)
    assert (first.build_number, second.build_number) == (1, 2)
    assert re.fullmatch(r"2 \d{13}", said(bench.log)[-1])


async def test_phases_are_kept_with_their_times_and_the_failing_command(bench: Any) -> None:
    spec = """version: 0.2
phases:
  install: {commands: [true]}
  build: {commands: ["sh -c 'exit 4' # $TOKEN-secret"]}
  post_build: {commands: [true]}
"""
    result = await build(bench, spec, secrets=("$TOKEN-secret",))
    assert result.phases
    assert [(phase.type, phase.status) for phase in result.phases] == [
        ("SUBMITTED", "SUCCEEDED"),
        ("DOWNLOAD_SOURCE", "SUCCEEDED"),
        ("INSTALL", "SUCCEEDED"),
        ("BUILD", "FAILED"),
        ("POST_BUILD", "SUCCEEDED"),
        ("COMPLETED", "SUCCEEDED"),
    ]
    context = result.phases[3].contexts[0]
    assert context.status_code == "COMMAND_EXECUTION_ERROR"
    assert context.message == "Error while executing command: sh -c 'exit 4' # ***. Reason: exit status 4"
    times = [moment for phase in result.phases for moment in (phase.started, phase.finished) if moment]
    assert times == sorted(times)


async def test_reports_of_several_formats_are_added_up_and_kept_case_by_case(bench: Any) -> None:
    spec = """version: 0.2
phases: {build: {commands: [true]}}
reports:
  unit: {files: [r/junit.xml]}
  features: {files: ['**/*.json'], file-format: CUCUMBERJSON}
  coverage: {files: [r/cov.xml], file-format: COBERTURAXML}
"""
    files = {
        "r/junit.xml": "<testsuite><testcase name='a' time='2.5'/></testsuite>",
        "r/c.json": json.dumps([{"keyword": "Feature", "elements": [{"steps": [{"result": {"status": "passed"}}]}]}]),
        "r/cov.xml": '<coverage lines-valid="10" lines-covered="9" line-rate="0.9"/>',
    }
    result = await build(bench, spec, files=files)
    assert result.tests
    assert result.tests.coverage
    assert (result.tests.passed, result.tests.coverage.covered, result.tests.notes) == (2, 9, ())
    kept = json.loads((bench.tmp / "reports.json").read_text())
    assert [(group["name"], group["format"], len(group["cases"])) for group in kept] == [
        ("unit", "JUNITXML", 1), ("features", "CUCUMBERJSON", 1), ("coverage", "COBERTURAXML", 0),
    ]  # fmt: skip
    assert kept[0]["cases"][0] == {"name": "a", "state": "passed", "seconds": 2.5, "message": ""}
