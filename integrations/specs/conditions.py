"""A stage's conditions in a pipeline declaration: `beforeEntry`, `onSuccess`, `onFailure`, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from integrations.specs.declared import (
    Camel,
    Command,
    ConfigurationKey,
    InputArtifact,
    Name,
    Provider,
    Version,
)

RuleValue = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class RuleTypeId(Camel):
    """What a rule looks at."""

    category: Literal["Rule"]
    owner: Literal["AWS"] = "AWS"
    provider: Provider
    version: Version = "1"


class RuleDeclaration(Camel):
    """One rule of a condition (API reference, "RuleDeclaration")."""

    name: Name
    rule_type_id: RuleTypeId
    configuration: Mapping[ConfigurationKey, RuleValue] = {}
    commands: Annotated[tuple[Command, ...], Field(max_length=50)] = ()
    input_artifacts: Annotated[tuple[InputArtifact, ...], Field(max_length=5)] = ()
    role_arn: str | None = None
    region: str | None = None
    timeout_in_minutes: Annotated[int, Field(ge=5, le=86_400)] | None = None


Rules = Annotated[tuple[RuleDeclaration, ...], Field(min_length=1, max_length=5)]


class EntryCondition(Camel):
    """What must hold before the stage begins."""

    result: Literal["FAIL", "SKIP"] = "FAIL"
    rules: Rules


class BeforeEntry(Camel):
    """Looked at before a stage's first action."""

    conditions: Annotated[tuple[EntryCondition, ...], Field(min_length=1, max_length=1)]


class SuccessCondition(Camel):
    """What must hold before the stage counts as succeeded."""

    result: Literal["FAIL", "ROLLBACK"] = "FAIL"
    rules: Rules


class OnSuccess(Camel):
    """Looked at after a stage's last action."""

    conditions: Annotated[tuple[SuccessCondition, ...], Field(min_length=1, max_length=1)]


class RetryConfiguration(Camel):
    """What an automatic retry runs again."""

    retry_mode: Literal["FAILED_ACTIONS", "ALL_ACTIONS"] = "FAILED_ACTIONS"


class FailureCondition(Camel):
    """What must hold for the stage's failure to stay a mere failure."""

    result: Literal["FAIL", "ROLLBACK", "RETRY"] | None = None
    rules: Rules


class OnFailure(Camel):
    """What follows when one of the stage's actions failed."""

    result: Literal["FAIL", "ROLLBACK", "RETRY"] | None = None
    retry_configuration: RetryConfiguration = RetryConfiguration()
    conditions: Annotated[tuple[FailureCondition, ...], Field(max_length=1)] = ()

    @property
    def fires(self) -> str:
        """Give what follows: the condition's own result, else that of the whole."""
        inner = self.conditions[0].result if self.conditions else None
        return inner or self.result or "FAIL"
