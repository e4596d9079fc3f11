"""Which pushes and pull requests a pipeline's triggers let through."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.errors import BadFile
from integrations.specs.triggers import GitConfiguration, PullRequest, Push, triggers_of, wants


def filters(**given: Any) -> GitConfiguration:
    return GitConfiguration.model_validate({"sourceActionName": "Checkout", **given})


def push(name: str = "main", *, tag: bool = False, files: set[str] | None = None) -> Push:
    known = None if files is None else frozenset(files)
    return Push(repository="team/shop", name=name, tag=tag, commit="c" * 40, files=known)


def pull(event: Any = "OPEN", target: str = "main") -> PullRequest:
    return PullRequest(event=event, repository="team/shop", number=7, source="feature", target=target, commit="c" * 40)


@pytest.mark.parametrize(
    ("branches", "name", "expected"),
    [
        ({"includes": ["main"]}, "main", True),
        ({"includes": ["main"]}, "main/x", False),
        ({"includes": ["release/*"]}, "release/1.2", True),
        ({"includes": ["release/*"]}, "release/1/2", False),
        ({"includes": ["release/**"]}, "release/1/2", True),
        ({"includes": ["**"], "excludes": ["wip/**"]}, "wip/mine", False),
        ({"excludes": ["wip/**"]}, "main", True),
        ({"includes": ["{main,develop}"]}, "develop", True),
        ({"includes": ["v[0-9].?"]}, "v1.2", True),
        ({"includes": ["v[!0-9]"]}, "v1", False),
        ({"includes": ["a.b"]}, "axb", False),
        ({"includes": ["[z-a]"]}, "[z-a]", True),
    ],
)
def test_branches_are_matched_by_patterns(branches: Any, name: str, expected: bool) -> None:
    assert wants(filters(push=[{"branches": branches}]), push(name), "other") is expected


def test_paths_count_together_with_branches() -> None:
    wanted = filters(
        push=[{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["src/**"], "excludes": ["**/*.md"]}}]
    )
    assert wants(wanted, push(files={"src/a/b.py"}), "")
    assert not wants(wanted, push(files={"src/notes.md"}), "")
    assert wants(wanted, push(files={"src/notes.md", "src/a.py"}), "")
    assert not wants(wanted, push("other", files={"src/a.py"}), "")
    assert wants(wanted, push(files=None), "")  # nobody knows: one run too many is better than one too few


def test_tags_only_match_tags() -> None:
    wanted = filters(push=[{"tags": {"includes": ["v*"]}}])
    assert wants(wanted, push("v1", tag=True), "main")
    assert not wants(wanted, push("v1"), "main")
    assert not wants(filters(push=[{"branches": {"includes": ["v*"]}}]), push("v1", tag=True), "main")


def test_one_of_several_filters_is_enough() -> None:
    wanted = filters(push=[{"tags": {"includes": ["v*"]}}, {"branches": {"includes": ["main"]}}])
    assert wants(wanted, push("main"), "")
    assert wants(wanted, push("v1", tag=True), "")
    assert not wants(wanted, pull(), "")


def test_pull_requests_are_matched_by_event_and_target() -> None:
    wanted = filters(pullRequest=[{"events": ["OPEN", "UPDATED"], "branches": {"includes": ["main"]}}])
    assert wants(wanted, pull("UPDATED"), "")
    assert not wants(wanted, pull("CLOSED"), "")
    assert not wants(wanted, pull("OPEN", "develop"), "")
    assert not wants(wanted, push("main"), "")


def test_without_filters_the_actions_own_branch_counts() -> None:
    assert wants(filters(), push("main"), "main")
    assert not wants(filters(), push("other"), "main")
    assert not wants(filters(), pull(), "main")


def test_every_mistake_is_told_at_once() -> None:
    broken = [
        {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"push": [{"tags": {"include": ["x"]}}]}},
        {"providerType": "Other", "gitConfiguration": {"sourceActionName": "A", "push": [{}] * 4}},
    ]
    with pytest.raises(BadFile) as caught:
        triggers_of(broken, "pipeline.json")
    places = [mistake.place for mistake in caught.value.mistakes]
    assert "pipeline.json /triggers/0/gitConfiguration/sourceActionName" in places
    assert "pipeline.json /triggers/0/gitConfiguration/push/0/tags/include" in places
    assert "pipeline.json /triggers/1/providerType" in places
    assert "pipeline.json /triggers/1/gitConfiguration/push" in places


def test_tags_don_t_stand_next_to_branches() -> None:
    both = {"sourceActionName": "A", "push": [{"tags": {"includes": ["v*"]}, "branches": {"includes": ["main"]}}]}
    with pytest.raises(BadFile, match="Make two filters of it"):
        triggers_of([{"providerType": "CodeStarSourceConnection", "gitConfiguration": both}], "pipeline.json")
