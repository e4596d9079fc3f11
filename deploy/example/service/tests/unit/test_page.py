from __future__ import annotations

import unittest

from checkout.about import About
from checkout.page import render
from checkout.pricing import PRICES, price

HERE = About(version="7.8.9", commit="0123456789abcdef", environment="staging")


class Page(unittest.TestCase):
    def test_it_shows_the_version(self) -> None:
        self.assertIn('id="version">7.8.9<', render(HERE, {}, None))

    def test_it_shows_the_environment(self) -> None:
        self.assertIn('id="environment">staging<', render(HERE, {}, None))

    def test_it_shows_the_commit_in_short(self) -> None:
        self.assertIn("<code>01234567</code>", render(HERE, {}, None))

    def test_every_product_has_a_field(self) -> None:
        html = render(HERE, {}, None)
        for product in PRICES:
            self.assertIn(f'name="{product}"', html)

    def test_what_was_typed_stays_in_the_form(self) -> None:
        self.assertIn('aria-label="pieces of bagel" value="3"', render(HERE, {"bagel": "3"}, None))

    def test_the_bill_shows_the_total(self) -> None:
        self.assertIn('id="total">4.40 EUR<', render(HERE, {}, price({"espresso": 2})))

    def test_without_a_basket_there_is_no_total(self) -> None:
        self.assertNotIn('id="total"', render(HERE, {}, None))

    def test_a_problem_is_shown_instead_of_a_bill(self) -> None:
        html = render(HERE, {}, price({"espresso": 2}), "No such thing")
        self.assertIn("No such thing", html)
        self.assertNotIn('id="total"', html)

    def test_markup_in_a_field_is_shown_as_text(self) -> None:
        html = render(HERE, {"bagel": '"><script>alert(1)</script>'}, None)
        self.assertNotIn("<script>", html)

    def test_markup_in_a_problem_is_shown_as_text(self) -> None:
        self.assertNotIn("<b>", render(HERE, {}, None, "<b>bold</b>"))
