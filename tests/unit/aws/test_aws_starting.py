"""What a wish becomes when an execution is started: revisions, variables, once and no guess."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.core.errors import BackendError
from bot.core.model import Release
from integrations.aws.starting import revision_type, variables_of
from integrations.aws.target import AwsTarget
from tests.support.waiting import until
from tests.unit.aws.conftest import TARGET, Shop

HASH = "0123456789abcdef0123456789abcdef01234567"


def source(provider: str) -> dict[str, Any]:
    return {"name": "Fetch", "actionTypeId": {"category": "Source", "provider": provider}, "configuration": {}}


@pytest.mark.parametrize(
    ("provider", "ref", "kind"),
    [
        ("CodeStarSourceConnection", HASH, "COMMIT_ID"),
        ("CodeCommit", HASH, "COMMIT_ID"),
        ("Git", "my-branch", "COMMIT_ID"),
        ("ECR", f"sha256:{HASH}", "IMAGE_DIGEST"),
        ("S3", "releases/app.zip", "S3_OBJECT_KEY"),
        ("S3", "3sL4kqtJlcpXroDTDmJ", "S3_OBJECT_VERSION_ID"),
    ],
)
def test_a_ref_is_given_as_what_the_source_takes(provider: str, ref: str, kind: str) -> None:
    assert revision_type(source(provider), ref) == kind


@pytest.mark.parametrize(
    ("provider", "words"), [("CodeStarSourceConnection", "takes a full commit id"), ("ECR", "takes an image's digest")]
)
def test_a_ref_that_the_source_cant_take_is_refused_before_anything_starts(provider: str, words: str) -> None:
    with pytest.raises(BackendError, match=words):
        revision_type(source(provider), "my-branch")


def test_variables_are_filled_in_and_empty_ones_keep_their_default(wish: Release) -> None:
    target = TARGET.model_copy(
        update={"variables": {"BRANCH": "{ref}", "WHY": "{reason} ({person})", "ID": "{release}", "FIX": "a"}}
    )
    declared = {"variables": [{"name": name} for name in ("BRANCH", "WHY", "ID", "FIX")]}
    asked = wish.model_copy(update={"reason": "because {ref}\n of the sale"})
    found = variables_of(target, declared, asked)
    assert found == {"WHY": "because {ref} of the sale (ada)", "ID": "wish-1", "FIX": "a"}
    assert target.ref_in_variables


def test_a_variable_that_the_pipeline_does_not_have_is_named_with_the_nearest(wish: Release) -> None:
    target = TARGET.model_copy(update={"variables": {"BRNCH": "main"}})
    with pytest.raises(BackendError, match=r"no variable BRNCH. Did you mean BRANCH\?"):
        variables_of(target, {"variables": [{"name": "BRANCH"}]}, wish)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"variables": {"A": "{branch}"}}, "nobody fills in"),
        ({"external_id": "x-1"}, "together with role"),
        ({"role": "deployer"}, "role"),
        ({"region": "EU West"}, "region"),
        ({"pipeline": "a b"}, "pipeline"),
    ],
)
def test_mistakes_in_the_catalogue_are_told(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AwsTarget.model_validate({"pipeline": "shop", "region": "eu-west-1", **said})


async def test_a_ref_reaches_the_source_action(shop: Shop, wish: Release) -> None:
    shop.local.git("checkout", "--quiet", "-b", "my-branch")
    commit = shop.local.commit("on a branch")
    run_id = await shop.backend.start(shop.target, wish.model_copy(update={"ref": "my-branch"}))
    run = await until(lambda: shop.look(run_id), lambda run: run.revision)
    assert run.revision is not None
    assert (run.revision.id, run.revision.summary, run.revision.ref) == (commit, "on a branch", "my-branch")
    assert run.revision.author == "Ada"


async def test_a_start_that_may_have_been_done_long_ago_is_not_done_again(shop: Shop, wish: Release) -> None:
    """AWS does not say for how long it knows a clientRequestToken again."""
    late = wish.model_copy(update={"created": wish.created - timedelta(hours=5)})
    run_id = await shop.backend.start(shop.target, late)  # nothing else was started since, so this is safe
    again = late.model_copy(update={"id": "wish-2"})
    with pytest.raises(BackendError, match=f"whether this was started already: the run {run_id}"):
        await shop.backend.start(shop.target, again)
