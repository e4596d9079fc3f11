"""A measured figure, its baseline and its aim, and how they are told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: the defaults take a few minutes."""

    acks: int = 100
    cards: int = 8
    crowd: int = 100
    pipelines: int = 5
    idle_seconds: float = 8.0
    approvals: int = 30
    finished: int = 1000
    databases: tuple[str, ...] = ("SQLite", "PostgreSQL")
    load: int = 500
    waiting: int = 1000
    wide: int = 50
    starts: int = 20
    stored: tuple[int, ...] = (0, 1000, 10_000)
    steps: int = 100
    voice: int = 200
    releases: int = 4
    stage_seconds: float = 4.0
    polled: int = 200
    polled_seconds: float = 120.0


TINY = Sizes(
    acks=5, cards=1, crowd=3, pipelines=1, idle_seconds=0.2, approvals=2, finished=5, databases=("SQLite",), load=2,
    waiting=3, wide=3, starts=1, stored=(0, 3), steps=2, voice=2, releases=1, polled=0, stage_seconds=0.2,
)  # fmt: skip
"""Only shows that everything still runs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `ratio_aim` and `aim` are the most that is wanted; None: only told."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    against: str = ""
    """What the baseline is."""
    aim: float | None = None
    ratio_aim: float | None = None

    @property
    def ratio(self) -> float | None:
        """Give how many times the baseline it is."""
        return self.value / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Tell whether the aim is met; None without one."""
        if self.ratio_aim is not None and self.ratio is not None:
            return self.ratio <= self.ratio_aim
        return None if self.aim is None else self.value <= self.aim

    @property
    def wanted(self) -> str:
        """Say what is wanted of it; empty if it is only told."""
        if self.met is None:
            return ""
        return f"{self.ratio_aim:g} x" if self.ratio_aim is not None else f"{self.aim:g} {self.unit}"

    def line(self) -> str:
        """Write it as one line below `HEAD`."""
        value = f"{_number(self.value)} {self.unit}"
        ratio = f"{self.ratio:.2f} x" if self.ratio is not None else ""
        aim = f"{'met' if self.met else 'MISSED'} {self.wanted}" if self.wanted else ""
        beside = f"  [{self.against}: {_number(self.baseline)} {self.unit}]" if self.baseline is not None else ""
        return f"{value:>12}  {ratio:>8}  {aim:<14}  {self.name}{beside}"


HEAD = f"{'measured':>12}  {'ratio':>8}  {'at most':<14}  what  [beside it, in the same run]"


def percentile(samples: Sequence[float], share: float) -> float:
    """Give the smallest sample that this share (0 to 1) of all samples does not exceed."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
