"""The triggers of a V2 pipeline: which pushes and pull requests start it (User Guide, "Filter triggers")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from bot.core.errors import BadFile, Mistake
from bot.core.model import Frozen
from integrations.specs import mistakes as said
from integrations.specs.mistakes import Spec

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=8)]
MOST_FORMS = 256
"""Of one pattern with alternatives in braces."""


class Part(Spec):
    """A part of a trigger: camelCase in the file."""

    model_config = ConfigDict(alias_generator=to_camel)


class Criteria(Part):
    """Patterns: one of `includes` must match, none of `excludes` may (API reference, "GitBranchFilterCriteria")."""

    includes: Patterns = ()
    excludes: Patterns = ()

    def admits(self, name: str) -> bool:
        """Tell whether a branch, tag or path is meant; without includes everything is that is not excluded."""
        if any(_matches(name, pattern) for pattern in self.excludes):
            return False
        return not self.includes or any(_matches(name, pattern) for pattern in self.includes)

    def admits_one(self, names: Iterable[str] | None) -> bool:
        """Tell whether one of several is meant; if nobody knows which they are (None), it is taken to be so."""
        return names is None or any(self.admits(name) for name in names)


class PushFilter(Part):
    """One kind of push; all that it says must hold."""

    tags: Criteria | None = None
    branches: Criteria | None = None
    file_paths: Criteria | None = None


class PullRequestFilter(Part):
    """One kind of pull request; without `events` all three."""

    events: Annotated[tuple[Literal["OPEN", "UPDATED", "CLOSED"], ...], Field(max_length=3)] = ()
    branches: Criteria | None = None
    """Of the branch that it is to go into."""
    file_paths: Criteria | None = None


class GitConfiguration(Part):
    """The filters of one source action; without any it starts on a push to that action's own branch."""

    source_action_name: str
    push: Annotated[tuple[PushFilter, ...], Field(max_length=3)] = ()
    pull_request: Annotated[tuple[PullRequestFilter, ...], Field(max_length=3)] = ()


class Trigger(Part):
    """One entry of `triggers`."""

    provider_type: Literal["CodeStarSourceConnection"]
    git_configuration: GitConfiguration


class Push(Frozen):
    """Commits that came to a branch, or a tag that was made or moved."""

    kind: Literal["push"] = "push"
    repository: str
    """As `owner/name`."""
    name: str
    """The branch's or the tag's."""
    tag: bool = False
    commit: str
    by: str = ""
    logins: tuple[str, ...] = ()
    """What whoever pushed is called, surest first: `github:ana-r`, then an e-mail address; see `Run.started_by`."""
    account: str = ""
    """The host's id of their account."""
    before: str = ""
    """The commit that stood there until now; empty for what is new."""
    files: frozenset[str] | None = None
    """The paths that changed; None if the host did not tell them all."""


class PullRequest(Frozen):
    """Something that happened to a pull request (at GitLab: a merge request)."""

    kind: Literal["pull_request"] = "pull_request"
    event: Literal["OPEN", "UPDATED", "CLOSED"]
    """`CLOSED` means merged, as CodePipeline has it."""
    repository: str
    number: int
    source: str
    target: str
    commit: str
    by: str = ""
    logins: tuple[str, ...] = ()
    """Of whoever did that to it."""
    account: str = ""
    reopened: bool = False
    """An `OPEN` that had been closed."""
    files: frozenset[str] | None = None


def triggers_of(declared: Iterable[dict[str, Any]], file: str) -> tuple[Trigger, ...]:
    """Read the `triggers` of a declaration; raises `BadFile` with every mistake at once."""

    def place(path: said.Path) -> str:
        return f"{file} {said.pointer(('triggers', *path))}"

    try:
        found = TypeAdapter(tuple[Trigger, ...]).validate_python([*declared])
    except ValidationError as error:
        raise BadFile(said.mistakes_in(error, _All, place)) from error
    wrong = [
        Mistake(place((n, "gitConfiguration", "push", m)), "tags can't stand next to branches or filePaths.",
                "Make two filters of it.")
        for n, trigger in enumerate(found)
        for m, each in enumerate(trigger.git_configuration.push)
        if each.tags and (each.branches or each.file_paths)
    ]  # fmt: skip
    if wrong:
        raise BadFile(wrong)
    return found


class _All(Part):
    """Only for naming keys in sentences."""


def wants(configuration: GitConfiguration, event: Push | PullRequest, own_branch: str) -> bool:
    """Tell whether a source action's filters let this event start the pipeline."""
    if not configuration.push and not configuration.pull_request:
        return isinstance(event, Push) and not event.tag and event.name == own_branch
    if isinstance(event, Push):
        return any(_wants_push(each, event) for each in configuration.push)
    return any(
        (not each.events or event.event in each.events)
        and (each.branches is None or each.branches.admits(event.target))
        and (each.file_paths is None or each.file_paths.admits_one(event.files))
        for each in configuration.pull_request
    )


def _wants_push(each: PushFilter, event: Push) -> bool:
    if event.tag:
        return each.tags is not None and each.tags.admits(event.name)
    if each.tags is not None:
        return False
    return (each.branches is None or each.branches.admits(event.name)) and (
        each.file_paths is None or each.file_paths.admits_one(event.files)
    )


def _matches(name: str, pattern: str) -> bool:
    return any(_compiled(form).fullmatch(name) for form in _forms(pattern))


@lru_cache(maxsize=512)
def _forms(pattern: str) -> tuple[str, ...]:
    """Write alternatives in braces out: `{main,release/*}`."""
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    choices = [piece.split(",") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    forms = ("".join(parts) for parts in product(*choices))
    return tuple(form for _, form in zip(range(MOST_FORMS), forms, strict=False))


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile one glob (User Guide, "Working with glob patterns in syntax"): `*` stays in one part, `**` doesn't."""
    pattern, written, at = re.sub(r"(\*\*/)+", "**/", pattern), "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            written, at = written + r"(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            written, at = written + ".*", at + 2
        elif pattern[at] in "*?":
            written, at = written + ("[^/]*" if pattern[at] == "*" else "[^/]"), at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", pattern[at + 1 : end].removeprefix("!"))
            written += f"(?!/)[{'^' if pattern[at + 1] == '!' else ''}{inside}]"
            at = end + 1
        else:
            written, at = written + re.escape(pattern[at]), at + 1
    try:
        return re.compile(re.sub(r"(?:\[\^/\]\*){2,}", "[^/]*", written), re.DOTALL)
    except re.error:  # such as [z-a]: then it only means itself
        return re.compile(re.escape(pattern))
