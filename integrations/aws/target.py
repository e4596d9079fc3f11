"""What the catalogue says about an environment whose pipeline lives in AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from bot.core.model import Frozen
from bot.core.wording import say

PLACEHOLDERS = frozenset({"ref", "release", "reason", "person"})
"""What a pipeline variable's value may hold, as `{ref}`."""
_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+"
_BRACES = re.compile(r"\{(\w*)\}")


class Place(NamedTuple):
    """Where calls go, and as whom: one set of clients each."""

    region: str
    role: str | None = None
    """ARN of a role to assume; None: who we are already."""
    external_id: str | None = None


class AwsTarget(Frozen):
    """An environment whose pipeline lives in AWS CodePipeline."""

    pipeline: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.@_-]{1,100}$")]
    """Its name (API model, "PipelineName")."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,30}$")]
    """As eu-west-1."""
    role: Annotated[str, StringConstraints(pattern=f"^{_ROLE}$")] | None = None
    """ARN of a role to assume, as for a pipeline in another account."""
    external_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]+$", max_length=1224)] | None = None
    """What that role's trust policy asks for; not a secret (IAM User Guide, "Access to AWS accounts")."""
    source: str | None = None
    """The source action that `@REF` is meant for; without it the pipeline's first."""
    variables: Mapping[str, Annotated[str, StringConstraints(min_length=1, max_length=1000)]] = Field(default={})
    """Pipeline variables (V2) at every start; `{ref}`, `{release}`, `{reason}` and `{person}` are filled in.

    With a `{ref}` somewhere, `@REF` goes there instead of to a source action.
    """

    @field_validator("variables")
    @classmethod
    def _known_placeholders(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in variables.items():
            for word in _BRACES.findall(value):
                if word not in PLACEHOLDERS:
                    known = ", ".join(f"{{{each}}}" for each in sorted(PLACEHOLDERS))
                    raise ValueError(say("aws.target.placeholder", name=name, word=f"{{{word}}}", known=known))
        return variables

    @model_validator(mode="after")
    def _id_needs_a_role(self) -> Self:
        if self.external_id and not self.role:
            raise ValueError(say("aws.target.external_id"))
        return self

    @property
    def place(self) -> Place:
        """Give where this pipeline's calls go."""
        return Place(self.region, self.role, self.external_id)

    @property
    def ref_in_variables(self) -> bool:
        """Tell whether `@REF` is given as a pipeline variable."""
        return any("{ref}" in value for value in self.variables.values())
