"""Which machines may carry out an action: the labels that the catalogue asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from integrations.local.target import Settings
from integrations.specs.pipeline import ActionDeclaration

QUEUE = "actions"
MOST = 8
"""Labels of one process: it listens to a queue for each of their combinations."""


def labels_of(declaration: ActionDeclaration, settings: Settings) -> frozenset[str]:
    """Give the labels that a machine must have, all of them; none for an action that any machine can carry out."""
    said = declaration.configuration
    project = settings.projects.get(said.get("ProjectName", ""))
    group = settings.applications.get(said.get("ApplicationName", ""), {}).get(said.get("DeploymentGroupName", ""))
    found = project if declaration.action_type_id.provider == "CodeBuild" else group
    return frozenset(found.labels) if found else frozenset()


def queue_of(labels: Iterable[str]) -> str:
    """Name the queue of the actions that ask for exactly these labels."""
    return ":".join([QUEUE, *sorted(labels)])


def queues_of(labels: Iterable[str]) -> list[str]:
    """Name the queues that a machine with these labels may take from: those that ask for no other ones."""
    every = sorted(labels)
    return [queue_of(some) for size in range(len(every) + 1) for some in combinations(every, size)]
