"""The benches still run: tiny sizes, and nothing about time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHES
from tests.bench.figures import TINY, Figure, percentile


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_gives_its_figures(name: str, tmp_path: Path) -> None:
    figures = list(BENCHES[name](tmp_path / name, TINY))
    assert figures
    for figure in figures:
        assert "\n" not in figure.line()
        assert figure.value >= 0


def test_a_percentile_is_a_sample() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert [percentile(samples, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7


def test_an_aim_is_met_by_ratio_or_by_value() -> None:
    assert Figure("a", 3, "ms", 2, "b", ratio_aim=2).met
    assert not Figure("a", 5, "ms", 2, "b", ratio_aim=2).met
    assert Figure("a", 0, "calls", aim=0).met
    assert Figure("a", 1, "s").met is None


def test_a_line_tells_the_value_its_ratio_what_is_wanted_and_beside_what() -> None:
    told = " ".join(Figure("an answer", 5, "ms", 2, "alone", ratio_aim=2).line().split())
    assert told == "5 ms 2.50 x MISSED 2 x an answer [alone: 2 ms]"
    assert Figure("memory", 1234, "MB").line().split() == ["1,234", "MB", "memory"]
