"""Prices a basket: pure arithmetic in whole cents, so that no cent is lost to rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CURRENCY = "EUR"
MOST_OF_ONE = 1000
PRICES: Mapping[str, int] = {
    "bagel": 320,
    "brownie": 280,
    "cappuccino": 360,
    "espresso": 220,
    "juice": 410,
}
"""Cents for one piece of each product."""


class UnknownProduct(Exception):
    """The basket holds something that is not sold here."""


class WrongQuantity(Exception):
    """A quantity is not a whole number from 0 to `MOST_OF_ONE`."""


@dataclass(frozen=True)
class Line:
    """One product in a basket, with its price for all pieces in cents."""

    product: str
    quantity: int
    cents: int


@dataclass(frozen=True)
class Bill:
    """What a basket costs."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """Cents to pay."""
        return sum(line.cents for line in self.lines)


def quantity(text: str) -> int:
    """Read a quantity as people type it; raises `WrongQuantity`."""
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit()) or len(stripped) > 6 or int(stripped) > MOST_OF_ONE:
        raise WrongQuantity(f"{text!r} is not a whole number from 0 to {MOST_OF_ONE}")
    return int(stripped)


def price(basket: Mapping[str, int]) -> Bill:
    """Price pieces by product; raises `UnknownProduct`. Products of which there are 0 pieces leave no line."""
    lines = []
    for product, pieces in sorted(basket.items()):
        if product not in PRICES:
            raise UnknownProduct(f"{product!r} is not sold here; there is {', '.join(PRICES)}")
        if pieces:
            lines.append(Line(product, pieces, PRICES[product] * pieces))
    return Bill(tuple(lines))


def money(cents: int) -> str:
    """Write cents as people read them: `1234` is `12.34 EUR`."""
    return f"{cents // 100}.{cents % 100:02d} {CURRENCY}"
