from __future__ import annotations

import random
import unittest

from checkout.pricing import PRICES, UnknownProduct, WrongQuantity, money, price, quantity


class Prices(unittest.TestCase):
    def costs(self, expected: int, **basket: int) -> None:
        """Check a basket, saying it in words if it is wrong."""
        cents = price(basket).total
        words = " and ".join(f"{pieces} {product}" for product, pieces in basket.items()) or "nothing"
        self.assertEqual(cents, expected, f"{words} should cost {money(expected)}, but the bill says {money(cents)}")

    def test_an_empty_basket_costs_nothing(self) -> None:
        self.costs(0)

    def test_one_espresso_costs_its_price(self) -> None:
        self.costs(220, espresso=1)

    def test_two_espressos_cost_twice_as_much(self) -> None:
        self.costs(440, espresso=2)

    def test_a_breakfast_costs_the_sum_of_its_parts(self) -> None:
        self.costs(680, bagel=1, cappuccino=1)

    def test_zero_pieces_cost_nothing(self) -> None:
        self.costs(0, juice=0)

    def test_zero_pieces_leave_no_line_on_the_bill(self) -> None:
        self.assertEqual(price({"juice": 0, "bagel": 1}).lines, price({"bagel": 1}).lines)

    def test_lines_stand_in_alphabetical_order(self) -> None:
        bill = price({"juice": 1, "bagel": 1, "espresso": 1})
        self.assertEqual([line.product for line in bill.lines], ["bagel", "espresso", "juice"])

    def test_a_line_knows_its_pieces(self) -> None:
        self.assertEqual(price({"bagel": 2}).lines[0].quantity, 2)

    def test_an_unknown_product_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(UnknownProduct, "'tea' is not sold here"):
            price({"tea": 1})

    def test_an_unknown_product_is_answered_with_what_there_is(self) -> None:
        with self.assertRaisesRegex(UnknownProduct, "bagel, brownie, cappuccino"):
            price({"tea": 1})

    def test_an_unknown_product_is_refused_even_without_pieces(self) -> None:
        with self.assertRaises(UnknownProduct):
            price({"tea": 0})

    def test_every_price_is_a_whole_number_of_cents_above_zero(self) -> None:
        for product, cents in PRICES.items():
            with self.subTest(product=product):
                self.assertIsInstance(cents, int)
                self.assertGreater(cents, 0)


class ManyBaskets(unittest.TestCase):
    """Rules that hold for any basket, tried on thousands of random ones; the seed makes a failure repeatable."""

    rounds = 25_000

    def baskets(self, seed: int, most: int = 40) -> list[dict[str, int]]:
        luck = random.Random(seed)
        products = list(PRICES)
        return [
            {product: luck.randint(0, most) for product in luck.sample(products, luck.randint(0, len(products)))}
            for _ in range(self.rounds)
        ]

    def test_the_total_is_the_sum_of_the_lines(self) -> None:
        for basket in self.baskets(1):
            bill = price(basket)
            self.assertEqual(bill.total, sum(line.cents for line in bill.lines), f"for {basket}")

    def test_no_basket_costs_less_than_nothing(self) -> None:
        for basket in self.baskets(2):
            self.assertGreaterEqual(price(basket).total, 0, f"for {basket}")

    def test_the_order_of_picking_does_not_matter(self) -> None:
        for basket in self.baskets(3):
            self.assertEqual(price(basket), price(dict(reversed(list(basket.items())))), f"for {basket}")

    def test_every_piece_is_on_the_bill(self) -> None:
        for basket in self.baskets(4):
            self.assertEqual(sum(basket.values()), sum(line.quantity for line in price(basket).lines), f"for {basket}")

    def test_a_fuller_basket_of_few_pieces_never_costs_less(self) -> None:
        for basket in self.baskets(5, most=1):
            fuller = {**basket, "espresso": basket.get("espresso", 0) + 1}
            if sum(fuller.values()) < 3:
                self.assertGreater(price(fuller).total, price(basket).total, f"for {basket}")

    def test_pricing_twice_gives_the_same_bill(self) -> None:
        for basket in self.baskets(6):
            self.assertEqual(price(basket), price(basket), f"for {basket}")


class Quantities(unittest.TestCase):
    def test_a_number_is_read(self) -> None:
        self.assertEqual(quantity("12"), 12)

    def test_blanks_around_a_number_are_fine(self) -> None:
        self.assertEqual(quantity(" 3 "), 3)

    def test_the_largest_quantity_is_accepted(self) -> None:
        self.assertEqual(quantity("1000"), 1000)

    def test_more_than_the_largest_quantity_is_refused(self) -> None:
        with self.assertRaisesRegex(WrongQuantity, "from 0 to 1000"):
            quantity("1001")

    def test_what_is_no_whole_number_is_refused(self) -> None:
        for text in ("", "-1", "1.5", "two", "1e3", "٣", "²", "1_000", "9" * 5000):
            with self.subTest(text=text[:10]), self.assertRaises(WrongQuantity):
                quantity(text)


class Money(unittest.TestCase):
    def test_cents_are_written_with_two_digits(self) -> None:
        self.assertEqual(money(205), "2.05 EUR")

    def test_nothing_is_written_in_full(self) -> None:
        self.assertEqual(money(0), "0.00 EUR")

    def test_large_sums_keep_every_cent(self) -> None:
        self.assertEqual(money(123456789), "1234567.89 EUR")
