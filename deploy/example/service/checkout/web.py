"""Answers HTTP: `/`, `/total`, `/version` and `/healthz`."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from checkout import page, pricing
from checkout.about import About


class Server(ThreadingHTTPServer):
    """Listens at `address` and answers in the name of `about`."""

    daemon_threads = True
    # Room for a burst of visitors; the standard library's 5 resets connections that wait for a moment.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], about: About) -> None:
        self.about = about
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Find the answer by its path."""
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/":
            self.show_page(asked)
        elif url.path == "/total":
            self.show_total(asked)
        elif url.path == "/version":
            self.answer_json({"version": self.server.about.version, "commit": self.server.about.commit})
        elif url.path == "/healthz":
            self.answer_json({"status": "ok"})
        else:
            self.answer_json({"error": f"there is nothing at {url.path}"}, HTTPStatus.NOT_FOUND)

    def show_total(self, asked: dict[str, str]) -> None:
        """Price the basket in the query, as `espresso=2&bagel=1`."""
        try:
            bill = pricing.price({product: pricing.quantity(text) for product, text in asked.items()})
        except (pricing.UnknownProduct, pricing.WrongQuantity) as error:
            self.answer_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
            return
        lines = [{"product": line.product, "quantity": line.quantity, "cents": line.cents} for line in bill.lines]
        answer = {"lines": lines, "cents": bill.total, "total": pricing.money(bill.total)}
        self.answer_json(answer)

    def show_page(self, asked: dict[str, str]) -> None:
        """Show the form, and the bill when something was asked for."""
        bill, problem = None, ""
        try:
            basket = {product: pricing.quantity(text or "0") for product, text in asked.items()}
            bill = pricing.price(basket) if any(basket.values()) else None
        except (pricing.UnknownProduct, pricing.WrongQuantity) as error:
            problem = str(error)
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        self.answer(page.render(self.server.about, asked, bill, problem), "text/html; charset=utf-8", status)

    def answer_json(self, body: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with a JSON object."""
        self.answer(json.dumps(body) + "\n", "application/json", status)

    def answer(self, text: str, content_type: str, status: HTTPStatus) -> None:
        """Answer with a text. Nothing here may be cached: after a release everybody sees the new version."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
