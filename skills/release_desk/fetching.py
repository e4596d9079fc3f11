"""The client that fetches certificate chains; for tests and the playground it may dial another address."""

from __future__ import annotations

import ssl

import httpx

_ALONE = httpx.Limits(max_keepalive_connections=0)
"""A chain is fetched once in months: a connection kept from the last time would be dead."""


class Dialled(httpx.AsyncHTTPTransport):
    """Keeps a request's host, for TLS and the Host header, but connects to another address."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, limits=_ALONE)
        self._host, self._port = host, port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it there."""
        request.extensions["sni_hostname"] = request.url.host
        request.url = request.url.copy_with(host=self._host, port=self._port)
        return await super().handle_async_request(request)


def chain_client(roots_pem: str | None = None, dial: tuple[str, int] | None = None) -> httpx.AsyncClient:
    """Open a client that trusts the system's roots or these, and follows nobody anywhere."""
    context = ssl.create_default_context(cadata=roots_pem)
    transport = Dialled(*dial, context) if dial else httpx.AsyncHTTPTransport(verify=context, limits=_ALONE)
    return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=2.0)
