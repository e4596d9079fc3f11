from __future__ import annotations

import json
import tempfile
import threading
import unittest
from http.client import HTTPConnection
from pathlib import Path

from checkout import about
from checkout.web import Server


class Web(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server(("127.0.0.1", 0), about.About("7.8.9", "abc", "test"))
        self.server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def test_the_version_is_told_as_json(self) -> None:
        status, body = self.get("/version")
        self.assertEqual((status, json.loads(body)), (200, {"version": "7.8.9", "commit": "abc"}))

    def test_it_says_that_it_is_healthy(self) -> None:
        self.assertEqual(self.get("/healthz"), (200, '{"status": "ok"}\n'))

    def test_a_basket_is_priced(self) -> None:
        status, body = self.get("/total?espresso=1&bagel=1")
        self.assertEqual((status, json.loads(body)["cents"]), (200, 540))

    def test_an_empty_query_costs_nothing(self) -> None:
        self.assertEqual(json.loads(self.get("/total")[1])["cents"], 0)

    def test_a_wrong_quantity_is_a_bad_request(self) -> None:
        status, body = self.get("/total?bagel=many")
        self.assertEqual(status, 400)
        self.assertIn("'many' is not a whole number", json.loads(body)["error"])

    def test_an_unknown_product_is_a_bad_request(self) -> None:
        self.assertEqual(self.get("/total?tea=1")[0], 400)

    def test_an_unknown_path_is_not_found(self) -> None:
        self.assertEqual(self.get("/nowhere")[0], 404)

    def test_the_page_prices_what_was_typed(self) -> None:
        self.assertIn("2.20 EUR", self.get("/?espresso=1&bagel=")[1])

    def test_the_page_answers_nonsense_kindly(self) -> None:
        status, body = self.get("/?espresso=lots")
        self.assertEqual(status, 400)
        self.assertIn("is not a whole number", body)


class WhatIsRunning(unittest.TestCase):
    def test_the_version_is_the_one_that_was_deployed(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "VERSION").write_text("3.2.1\n", encoding="utf-8")
            Path(folder, "COMMIT").write_text("feed\n", encoding="utf-8")
            self.assertEqual(about.read("test", Path(folder)), about.About("3.2.1", "feed", "test"))

    def test_a_plain_checkout_has_no_commit(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "VERSION").write_text("3.2.1\n", encoding="utf-8")
            self.assertEqual(about.read("test", Path(folder)).commit, "unknown")
