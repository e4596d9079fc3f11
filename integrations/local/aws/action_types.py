"""ListActionTypes: what the actions of a pipeline can be on this machine, plug-ins' own included."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from integrations.local.aws.endpoint import Operation
from integrations.specs.pipeline_rules import ARTIFACTS

Given = Mapping[str, Any]
OWNERS = {
    ("Source", "GitHub"): "ThirdParty", ("Source", "Git"): "Custom", ("Source", "Bitbucket"): "Custom",
    ("Source", "GitLab"): "Custom", ("Source", "Image"): "Custom",
}  # fmt: skip
"""Of what Sayso brings and AWS does not own."""
APPROVAL = ("Approval", "Manual")
MOST_ARTIFACTS = 5


class ActionTypeOperations:
    """`kinds` are the categories and providers that have a runner; `own` those that Sayso itself brings."""

    def __init__(self, kinds: Collection[tuple[str, str]], own: Collection[tuple[str, str]]) -> None:
        self._kinds, self._own = kinds, own

    def table(self) -> dict[str, Operation]:
        """Give the operation by its name in the model."""
        return {"ListActionTypes": self.list}

    async def list(self, given: Given) -> Given:
        """ListActionTypes; all regions are this machine."""
        owner = given.get("actionOwnerFilter")
        found = [each for each in self._types() if owner in (None, each["id"]["owner"])]
        return {"actionTypes": found}

    def _types(self) -> Iterator[dict[str, Any]]:
        for category, provider in sorted({*self._kinds, APPROVAL}):
            if category == "Rule":  # no actions: the rules of stages' conditions
                continue
            kind = (category, provider)
            known = kind in self._own or kind == APPROVAL
            owner = OWNERS.get(kind, "AWS") if known else "Custom"
            everything = (0, MOST_ARTIFACTS)
            taken, made = ARTIFACTS.get(kind) or ARTIFACTS.get((category, None)) or (everything, everything)
            yield {
                "id": {"category": category, "owner": owner, "provider": provider, "version": "1"},
                "inputArtifactDetails": _details(taken), "outputArtifactDetails": _details(made),
            }  # fmt: skip


def _details(bounds: tuple[int, int]) -> dict[str, int]:
    fewest, most = bounds
    return {"minimumCount": fewest, "maximumCount": min(most, MOST_ARTIFACTS)}
