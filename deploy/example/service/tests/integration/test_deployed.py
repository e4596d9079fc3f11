"""Asks the freshly deployed service over HTTP; `CHECKOUT_URL` says where it is."""

from __future__ import annotations

import json
import os
import unittest
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from checkout import about

# The service is asked directly, whatever proxy this machine uses for the world outside.
OPEN = build_opener(ProxyHandler({})).open


def get(path: str) -> tuple[int, str]:
    url = os.environ["CHECKOUT_URL"].rstrip("/") + path
    try:
        with OPEN(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Deployed(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if not os.environ.get("CHECKOUT_URL"):
            raise unittest.TestCase.failureException("CHECKOUT_URL must say where the deployed service is")

    def test_it_is_healthy(self) -> None:
        self.assertEqual(get("/healthz")[0], 200)

    def test_it_is_the_version_that_was_just_built(self) -> None:
        built = about.read("")
        self.assertEqual(json.loads(get("/version")[1]), {"version": built.version, "commit": built.commit})

    def test_it_prices_a_basket(self) -> None:
        self.assertEqual(json.loads(get("/total?espresso=1&juice=1")[1])["total"], "6.30 EUR")

    def test_it_refuses_what_it_does_not_sell(self) -> None:
        status, body = get("/total?tea=1")
        self.assertEqual(status, 400)
        self.assertIn("not sold here", body)

    def test_its_page_shows_the_version(self) -> None:
        self.assertIn(about.read("").version, get("/")[1])

    def test_it_answers_many_visitors_at_once(self) -> None:
        with ThreadPoolExecutor(16) as visitors:
            answers = list(visitors.map(get, ["/total?bagel=2"] * 400))
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual({json.loads(body)["cents"] for _, body in answers}, {640})
