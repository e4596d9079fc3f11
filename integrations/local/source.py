"""Source actions: fetches a git repository by path or URL and pins it to one commit."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.core.model import LogTail, Revision
from integrations.local.actions import AfterCrash, Attempt, ErrorCode, Outcome, Progress, Result
from integrations.local.git import Git, GitFailed, clean_url, mirror_lock

# Action structure reference of each provider: the keys that name the repository and the branch.
REPOSITORY_KEYS: Mapping[str, tuple[str, ...]] = {
    "Git": ("RepositoryUrl", "Repository"),
    "CodeStarSourceConnection": ("FullRepositoryId",),
    "Bitbucket": ("FullRepositoryId", "RepositoryUrl"),
    "GitLab": ("FullRepositoryId", "RepositoryUrl"),
    "CodeCommit": ("RepositoryName",),
}
BRANCH_KEYS = ("BranchName", "Branch")
LONGEST_VARIABLE = 1000
_HEX = re.compile(r"[0-9a-fA-F]{4,64}")


class NoSource(Exception):
    """The source can't be had; its text is the sentence for the person."""

    def __init__(self, sentence: str, code: ErrorCode = ErrorCode.CONFIGURATION) -> None:
        self.code = code
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a source action is to fetch."""

    name: str
    """The repository as the pipeline names it."""
    place: str
    """Its URL, or a path."""
    ref: str
    """Branch, tag or (the beginning of) a commit id."""
    branch: str = ""
    """The branch that the pipeline names."""


class GitSourceRunner:
    """Fetches into one bare mirror per repository under `mirrors`, and checks the commit out from there.

    `repositories` maps names in pipelines (`owner/name`, a CodeCommit repository's name) to a URL or path.
    """

    after_crash = AfterCrash.RERUN

    def __init__(self, mirrors: Path, repositories: Mapping[str, str], *, patience: float = 600) -> None:
        self._mirrors = mirrors
        self._repositories = repositories
        self._patience = patience

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:  # noqa: ARG002 - fetching again is harmless
        """Fetch, pin, check out; what is wrong with repository or ref is a failed result with a sentence."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._fetch(attempt)
        except GitFailed as error:
            return failed(attempt, f"Git could not fetch it: {error.reason}", error.code)
        except FileNotFoundError as error:
            if error.filename != "git":
                raise
            return failed(attempt, "This machine has no git; install it.")
        except NoSource as error:
            return failed(attempt, str(error), error.code)
        except TimeoutError:
            sentence = f"The repository did not answer within {self._patience:.0f} seconds."
            return failed(attempt, sentence, ErrorCode.SYSTEM_UNAVAILABLE)

    async def _fetch(self, attempt: Attempt) -> Result:
        wanted = self._wanted(attempt)
        shown = clean_url(wanted.place)
        await attempt.report(Progress(detail=f"fetching {wanted.ref} of {wanted.name}"))
        key = hashlib.sha256(wanted.place.encode()).hexdigest()[:16]
        mirror = self._mirrors / f"{key}.git"
        self._mirrors.mkdir(parents=True, exist_ok=True)
        tree = attempt.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        async with mirror_lock(mirror):
            git = Git(mirror)
            try:
                await _refresh(git, wanted.place)
            except GitFailed as error:
                raise NoSource(f"The repository {shown} can't be read: {error.reason}", error.code) from error
            commit, branch = await _resolve(git, wanted, shown)
            branch = branch or await _branch_with(git, commit, wanted.branch)
            await git.run("read-tree", "-u", "--reset", commit, tree=tree, index=attempt.folder / "index")
        (attempt.folder / "index").unlink(missing_ok=True)
        told = (await git.run("show", "-s", "--format=%H%x00%an%x00%ae%x00%aI%x00%cI%x00%B", commit, "--")).split(
            "\0", 5
        )
        full, author, email, authored, committed, message = told
        url = _commit_url(wanted.place, full)
        summary = message.strip().splitlines()[0] if message.strip() else ""
        line = f"{shown} {branch or wanted.ref}: {full} {summary}"
        write_log(attempt, line)
        variables = {
            "CommitId": full,
            "CommitMessage": message.strip(),
            "AuthorDate": _zulu(authored),
            "AuthorDisplayName": author,
            "AuthorEmail": email,
            "CommitterDate": _zulu(committed),
            "BranchName": branch or wanted.ref,
            "RepositoryName": wanted.name.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git"),
            "FullRepositoryName": wanted.name,
        }
        outputs = attempt.declaration.output_artifacts
        return Result(
            outcome=Outcome.SUCCEEDED,
            detail=f"{full[:8]} {summary}".strip(),
            outputs={outputs[0].name: str(tree)} if outputs else {},
            variables={name: value[:LONGEST_VARIABLE] for name, value in variables.items()},
            revision=Revision(id=full, summary=summary, author=author, url=url, ref=branch or wanted.ref),
            log=LogTail(lines=(line[:500],)),
        )

    def _wanted(self, attempt: Attempt) -> Wanted:
        configuration = attempt.configuration
        provider = attempt.declaration.action_type_id.provider
        if provider == "GitHub":  # the older GitHub source (version 1) names owner and repository apart
            name = f"{configuration.get('Owner', '')}/{configuration.get('Repo', '')}".strip("/")
            keys: tuple[str, ...] = ("Owner", "Repo")
        else:
            keys = REPOSITORY_KEYS.get(provider, REPOSITORY_KEYS["Git"])
            name = next((configuration[key] for key in keys if configuration.get(key)), "")
        if not name:
            raise NoSource(f"Its configuration has no {' or '.join(keys)}; give the repository's path or URL.")
        place = place_of(name, self._repositories, attempt.base)
        asked = attempt.revision.id if attempt.revision else None
        branch = next((configuration[key] for key in BRANCH_KEYS if configuration.get(key)), "")
        ref = asked or branch
        if not ref:
            raise NoSource("Its configuration has no BranchName.")
        ref, branch = (each.removeprefix("refs/heads/").removeprefix("refs/tags/") for each in (ref, branch))
        return Wanted(name=clean_url(name), place=place, ref=ref, branch=branch)


def place_of(name: str, repositories: Mapping[str, str], base: Path) -> str:
    """Give the URL or full path of a repository by its name in the pipeline; raises `NoSource` if there is none.

    `repositories` maps names; relative paths start from `base`.
    """
    place = repositories.get(name, name)
    if _is_address(place):
        return place
    local = (base / place).expanduser()
    if not local.is_dir():
        raise NoSource(
            f"No git repository is known as {name}: it is no URL, and there is no folder {place} beside the "
            f'pipeline. Map it in the catalogue: repositories = {{ "{name}" = "path or URL" }}.'
        )
    return str(local.resolve())


async def _refresh(git: Git, place: str) -> None:
    """Bring the mirror up to date; one that a crash left locked is made anew."""
    heads = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    for last in (False, True):
        try:
            if not git.folder.is_dir():
                await git.run("init", "--quiet", "--bare", "--template=", str(git.folder), inside=False)
            await git.run("fetch", "--quiet", "--prune", "--no-auto-gc", "--no-write-fetch-head", "--", place, *heads)
        except GitFailed as error:
            if last or not error.locked:
                raise
            await asyncio.to_thread(shutil.rmtree, git.folder)
        else:
            return


async def _resolve(git: Git, wanted: Wanted, shown: str) -> tuple[str, str | None]:
    """Give the full commit and, if the ref is a branch or tag, its name; never lets git interpret the ref itself."""
    listed = await git.run("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")
    refs = listed.split()
    for full in (f"refs/heads/{wanted.ref}", f"refs/tags/{wanted.ref}"):
        if full in refs:
            return (await git.run("rev-parse", "--verify", "--quiet", f"{full}^{{commit}}")).strip(), wanted.ref
    if _HEX.fullmatch(wanted.ref):
        try:
            return (await git.run("rev-parse", "--verify", "--quiet", f"{wanted.ref}^{{commit}}")).strip(), None
        except GitFailed as error:
            sentence = f"{shown} has no commit, or more than one, that begins with {wanted.ref}."
            raise NoSource(sentence, ErrorCode.REVISION_UNAVAILABLE) from error
    names = [ref.split("/", 2)[2] for ref in refs]
    raise NoSource(f"{shown} has no branch or tag {wanted.ref}. {_nearest(wanted.ref, names)}")


async def _branch_with(git: Git, commit: str, preferred: str) -> str | None:
    """Name the branch that a commit asked for by its id is on: the pipeline's own, or the only one that has it."""
    listed = await git.run("for-each-ref", "--format=%(refname)", "--contains", commit, "refs/heads")
    names = [ref.removeprefix("refs/heads/") for ref in listed.split()]
    return preferred if preferred in names else names[0] if len(names) == 1 else None


def _nearest(ref: str, names: Sequence[str]) -> str:
    if not names:
        return "It has no branches yet: commit something first."
    near = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(list(names)[:8])}."


def _is_address(place: str) -> bool:
    """Tell a URL, or ssh's short form `user@host:path`, from a path."""
    return "://" in place or bool(re.match(r"[\w.-]+@[\w.-]+:(?!/?/)", place))


def _commit_url(place: str, commit: str) -> str | None:
    """Link to the commit's page where the host is known to have one."""
    found = re.search(r"(?:@|//)(?:[^@/]*@)?(github\.com|gitlab\.com|bitbucket\.org)[:/](.+?)(?:\.git)?/?$", place)
    if not found:
        return None
    return f"https://{found[1]}/{found[2]}/{'commits' if found[1] == 'bitbucket.org' else 'commit'}/{commit}"


def _zulu(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_log(attempt: Attempt, line: str) -> None:
    """Add a line to the attempt's log."""
    attempt.log.parent.mkdir(parents=True, exist_ok=True)
    with attempt.log.open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def failed(attempt: Attempt, sentence: str, code: ErrorCode = ErrorCode.CONFIGURATION) -> Result:
    """Make a failed result of a sentence, which the log gets, too."""
    write_log(attempt, sentence)
    return Result(outcome=Outcome.FAILED, detail=sentence, error=code)
