"""CodePipeline's operations on tags: pipelines only, the other resources that have some are not on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.local.aws import names
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.paging import Pages
from integrations.local.aws.problems import Problem
from integrations.local.engine import Engine
from integrations.local.refusals import PipelineNotFound
from integrations.local.tags import change_tags, tags_of

Given = Mapping[str, Any]


class TagOperations:
    """What is offered of tags."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self._engine, self._pages = engine, pages

    def table(self) -> dict[str, Operation]:
        """Give the operations by their names in the model."""
        return {"TagResource": self.tag, "UntagResource": self.untag, "ListTagsForResource": self.list}

    async def tag(self, given: Given) -> None:
        """TagResource."""
        put = by_key(given["tags"])
        try:
            await change_tags(self._engine, _pipeline(given), put)
        except PipelineNotFound as error:
            raise Problem("ResourceNotFoundException", error.sentence) from error

    async def untag(self, given: Given) -> None:
        """UntagResource; of a key that is not there nothing is said, as on AWS."""
        try:
            await change_tags(self._engine, _pipeline(given), {}, given["tagKeys"])
        except PipelineNotFound as error:
            raise Problem("ResourceNotFoundException", error.sentence) from error

    async def list(self, given: Given) -> Given:
        """ListTagsForResource, by key."""
        try:
            found = sorted((await tags_of(self._engine, _pipeline(given))).items())
        except PipelineNotFound as error:
            raise Problem("ResourceNotFoundException", error.sentence) from error
        begin, most = int(self._pages.after("ListTagsForResource", given) or 0), given.get("maxResults", 100)
        more = str(begin + most) if len(found) > begin + most else None
        token = self._pages.token("ListTagsForResource", given, more)
        return {"tags": [{"key": key, "value": value} for key, value in found[begin : begin + most]],
                "nextToken": token}  # fmt: skip


def by_key(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Read tags as they are given; the same key twice is refused."""
    found = {each["key"]: each["value"] for each in tags}
    if len(found) < len(tags):
        raise Problem("InvalidTagsException", "One key stands twice among the tags.")
    return found


def _pipeline(given: Given) -> str:
    """Give the name of the pipeline that an ARN means."""
    arn: str = given["resourceArn"]
    _, _, _, _, account, name = arn.split(":", 5)
    if account != names.ACCOUNT or ":" in name:
        raise Problem("ResourceNotFoundException", f"{arn} is no pipeline on this machine.")
    if "/" in name:
        raise Problem("InvalidArnException", f"{arn} is a part of a pipeline; only pipelines have tags here.")
    return name
