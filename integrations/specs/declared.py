"""The shapes that the parts of a pipeline declaration are made of: names, lengths, patterns."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from integrations.specs.mistakes import Spec

# API reference, "PipelineDeclaration", "StageDeclaration", "ActionDeclaration", "InputArtifact": patterns and lengths.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.@\-_]+$", min_length=1, max_length=100)]
ArtifactName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_\-]+$", min_length=1, max_length=100)]
Namespace = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@\-_]+$", min_length=1, max_length=100)]
ConfigurationKey = Annotated[str, StringConstraints(min_length=1, max_length=50)]
ConfigurationValue = Annotated[str, StringConstraints(max_length=50_000)]
Command = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Provider = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]+$", max_length=35)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]+$", max_length=9)]
Loose = dict[str, Any]
"""Accepted and kept as it stands; a later version gives it a shape."""


class Camel(Spec):
    """A part of the declaration: AWS's camelCase in the file, snake_case in Python."""

    model_config = ConfigDict(alias_generator=to_camel)


class InputArtifact(Camel):
    """An artifact that an earlier action made."""

    name: ArtifactName
