"""Source actions, with real git repositories."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bot.core.model import Revision
from integrations.local.actions import Attempt, Outcome, Progress, Result
from integrations.local.git import Git, GitFailed, clean_url
from integrations.local.source import GitSourceRunner, _commit_url
from integrations.specs.pipeline import ActionDeclaration
from tests.support.local_world import LocalWorld
from tests.support.waiting import until


class Bench:
    """A repository, and a runner with a place to work."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = LocalWorld(root / "world")
        self.repository = self.world.repository
        self.runs = 0

    async def fetch(
        self,
        configuration: Mapping[str, str],
        *,
        provider: str = "Git",
        ref: str | None = None,
        repositories: Mapping[str, str] | None = None,
        interrupted: bool = False,
        patience: float = 60,
    ) -> tuple[Result, Path]:
        self.runs += 1
        folder = self.root / f"attempt-{self.runs}"
        folder.mkdir()
        declaration = ActionDeclaration.model_validate(
            {
                "name": "Checkout",
                "actionTypeId": {"category": "Source", "owner": "Custom", "provider": provider, "version": "1"},
                "outputArtifacts": [{"name": "Tree"}],
            }
        )

        async def report(progress: Progress) -> None:
            assert progress.detail

        attempt = Attempt(
            id="x#1", execution_id="x", pipeline="shop", stage="Source", declaration=declaration,
            configuration=configuration, inputs={}, folder=folder, log=folder.with_suffix(".log"),
            base=self.world.root, environment={}, revision=Revision(id=ref, ref=ref) if ref else None, report=report,
        )  # fmt: skip
        runner = GitSourceRunner(self.root / "mirrors", repositories or {}, patience=patience)
        result = await runner.perform(attempt, interrupted=interrupted)
        return result, Path(result.outputs.get("Tree", folder))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


MAIN = {"RepositoryUrl": "repository", "BranchName": "main"}


async def test_a_branch_is_pinned_to_its_commit_and_exported_without_git(bench: Bench) -> None:
    result, tree = await bench.fetch(MAIN)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.revision == Revision(id=bench.world.first, summary="the first one", author="Ada", ref="main")
    assert (tree / "step.sh").exists()
    assert not (tree / ".git").exists()
    assert result.variables["CommitId"] == bench.world.first
    assert result.variables["BranchName"] == "main"
    assert result.variables["RepositoryName"] == "repository"
    assert result.variables["AuthorDate"].endswith("Z")
    assert result.variables["CommitMessage"] == "the first one"


async def test_a_later_commit_is_fetched_and_files_that_went_are_gone(bench: Bench) -> None:
    await bench.fetch(MAIN)
    bench.world.write("new.txt", "new")
    (bench.repository / "hook.sh").unlink()
    second = bench.world.commit("the second one\n\nwith a body")
    result, tree = await bench.fetch(MAIN)
    assert result.revision is not None
    assert (result.revision.id, result.revision.summary) == (second, "the second one")
    assert (tree / "new.txt").read_text() == "new"
    assert not (tree / "hook.sh").exists()


@pytest.mark.parametrize("kind", ["branch", "tag", "annotated tag", "whole commit", "beginning of a commit"])
async def test_a_release_may_ask_for_any_ref(bench: Bench, kind: str) -> None:
    first = bench.world.first
    bench.world.git("branch", "hotfix/7")
    bench.world.git("tag", "v1")
    bench.world.git("tag", "--annotate", "--message", "x", "v2")
    bench.world.commit("later")
    ref = {"branch": "hotfix/7", "tag": "v1", "annotated tag": "v2", "whole commit": first}.get(kind, first[:9])
    result, _ = await bench.fetch(MAIN, ref=ref)
    assert result.revision is not None
    assert result.revision.id == first


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("mian", "no branch or tag mian. Did you mean main?"),
        ("zzz", "no branch or tag zzz. It has: main."),
        ("deadbeef", "no commit, or more than one, that begins with deadbeef"),
        ("--upload-pack=touch pwned", "no branch or tag --upload-pack=touch pwned"),
        ("-h", "no branch or tag -h"),
        ("main~1", "no branch or tag main~1"),
        ("main:step.sh", "no branch or tag main:step.sh"),
        ("", "BranchName"),
    ],
)
async def test_a_ref_that_is_not_there_is_named_with_its_neighbours(bench: Bench, ref: str, said: str) -> None:
    result, _ = await bench.fetch({"RepositoryUrl": "repository", "BranchName": ref})
    assert result.outcome is Outcome.FAILED
    assert said in result.detail
    assert result.error == ("RevisionUnavailable" if ref == "deadbeef" else "ConfigurationError")
    assert not (bench.root / "pwned").exists()


@pytest.mark.parametrize(
    "place",
    [
        "nowhere",
        "ext::sh -c touch% pwned",
        "--upload-pack=touch pwned",
        "-c/x",
        "ssh://-oProxyCommand=touch/x",
        "step.sh",
    ],
)
async def test_a_repository_that_cant_be_read_is_named_and_runs_nothing(bench: Bench, place: str) -> None:
    result, _ = await bench.fetch({"RepositoryUrl": place, "BranchName": "main"})
    assert result.outcome is Outcome.FAILED
    assert place.split(maxsplit=1)[0].removeprefix("ssh://")[:8] in result.detail
    assert not list(bench.root.rglob("pwned"))


async def test_a_folder_that_is_no_repository_says_so(bench: Bench) -> None:
    (bench.world.root / "empty").mkdir()
    result, _ = await bench.fetch({"RepositoryUrl": "empty", "BranchName": "main"})
    assert result.outcome is Outcome.FAILED
    assert "can't be read" in result.detail


@pytest.mark.parametrize(("answers", "said"), [(True, "can't be read"), (False, "did not answer within 1 seconds")])
async def test_a_git_host_that_vanishes_ends_in_a_sentence(bench: Bench, answers: bool, said: str) -> None:
    gone = asyncio.Event()

    async def vanish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not answers:
            await gone.wait()
        writer.close()

    async with await asyncio.start_server(vanish, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        place = {"RepositoryUrl": f"git://127.0.0.1:{port}/shop.git", "BranchName": "main"}
        for _ in range(8 if answers else 1):  # git may hear of it while it writes or while it reads
            result, _ = await bench.fetch(place, patience=60 if answers else 1)
            assert (result.outcome, result.error) == (Outcome.FAILED, "SystemUnavailable"), result.detail
            assert said in result.detail
        gone.set()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("fatal: Authentication failed for 'https://example.com/shop.git/'", "PermissionError"),
        ("git@example.com: Permission denied (publickey).\nfatal: Could not read from remote.", "PermissionError"),
        ("fatal: unable to access 'https://example.com/': The requested URL returned error: 403", "PermissionError"),
        ("fatal: unable to access 'https://x.example/': Could not resolve host: x.example", "SystemUnavailable"),
        ("fatal: 'shop' does not appear to be a git repository", "ConfigurationError"),
    ],
)
def test_what_git_says_has_codepipelines_code(said: str, code: str) -> None:
    assert GitFailed(said).code == code


async def test_an_empty_repository_says_what_to_do(bench: Bench) -> None:
    (bench.world.root / "fresh").mkdir()
    await Git(bench.world.root / "fresh").run(
        "init", "--quiet", "--bare", str(bench.world.root / "fresh"), inside=False
    )
    result, _ = await bench.fetch({"RepositoryUrl": "fresh", "BranchName": "main"})
    assert "no branches yet" in result.detail


@pytest.mark.parametrize(
    ("provider", "configuration"),
    [
        ("CodeStarSourceConnection", {"FullRepositoryId": "acme/shop", "BranchName": "main", "ConnectionArn": "x"}),
        ("GitHub", {"Owner": "acme", "Repo": "shop", "Branch": "main", "OAuthToken": "x"}),
        ("CodeCommit", {"RepositoryName": "acme/shop", "BranchName": "main"}),
        ("Git", {"Repository": "acme/shop", "BranchName": "main"}),
    ],
)
async def test_each_provider_finds_its_repository_in_the_catalogue(
    bench: Bench, provider: str, configuration: Mapping[str, str]
) -> None:
    mapped = {"acme/shop": f"file://{bench.repository}"}
    result, _ = await bench.fetch(configuration, provider=provider, repositories=mapped)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.variables["FullRepositoryName"] == "acme/shop"
    assert result.variables["RepositoryName"] == "shop"
    result, _ = await bench.fetch(configuration, provider=provider)
    assert result.outcome is Outcome.FAILED
    assert 'repositories = { "acme/shop" = "path or URL" }' in result.detail


async def test_links_modes_and_strange_names_survive(bench: Bench) -> None:
    bench.world.write("ein ordner/größe.txt", "ä")
    (bench.repository / "link").symlink_to("step.sh")
    bench.world.write("run.sh", "#!/bin/sh\n")
    (bench.repository / "run.sh").chmod(0o755)
    bench.world.commit("strange")
    _, tree = await bench.fetch(MAIN)
    assert (tree / "ein ordner" / "größe.txt").read_text() == "ä"
    assert (tree / "link").is_symlink()
    assert os.access(tree / "run.sh", os.X_OK)


async def test_a_mirror_that_a_crash_left_locked_is_made_anew(bench: Bench) -> None:
    await bench.fetch(MAIN)
    bench.world.commit("more")
    (mirror,) = (bench.root / "mirrors").glob("*.git")
    (mirror / "refs" / "heads" / "main.lock").touch()
    result, _ = await bench.fetch(MAIN, interrupted=True)
    assert result.outcome is Outcome.SUCCEEDED


async def test_many_fetches_of_one_repository_at_once_all_succeed(bench: Bench) -> None:
    results = await asyncio.gather(*(bench.fetch(MAIN) for _ in range(6)))
    assert {result.outcome for result, _ in results} == {Outcome.SUCCEEDED}


async def test_a_cancelled_git_is_gone(tmp_path: Path) -> None:
    git = Git(tmp_path)
    await git.run("init", "--quiet", str(tmp_path), inside=False)
    with socket.socket() as listening:  # takes connections, and never answers
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"git://127.0.0.1:{listening.getsockname()[1]}/x"

        async def at_work() -> list[int]:
            found = []
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):  # another test's child that ended just now
                    found += [child.pid] if url in child.cmdline() else []
            return found

        task = asyncio.create_task(git.run("ls-remote", url, inside=False))
        await until(at_work, lambda found: found)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await at_work() == []


async def test_no_password_is_ever_shown(tmp_path: Path) -> None:
    with pytest.raises(GitFailed) as caught:
        await Git(tmp_path).run("ls-remote", "--", "http://ada:hunter2@127.0.0.1:9/x.git", inside=False)
    assert "hunter2" not in caught.value.reason
    assert clean_url("https://ada:hunter2@example.com/x") == "https://example.com/x"


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop/commit/abc"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/commit/abc"),
        ("https://token@gitlab.com/acme/group/shop", "https://gitlab.com/acme/group/shop/commit/abc"),
        ("ssh://git@bitbucket.org/acme/shop.git", "https://bitbucket.org/acme/shop/commits/abc"),
        ("https://evilgithub.com/acme/shop", None),
        ("/srv/git/shop", None),
    ],
)
def test_a_commit_links_to_its_page_where_the_host_has_one(place: str, url: str | None) -> None:
    assert _commit_url(place, "abc") == url
