"""Ports to listen on: opened first, so that a taken one is said before anything else is begun."""

from __future__ import annotations

import errno
import random
import socket

from bot.core.errors import Misconfigured
from bot.core.wording import say

FREE_PORTS = (20_000, 32_768)


def listening(host: str, port: int, option: str = "SAYSO_PORT") -> socket.socket:
    """Open the port before anything else is begun; `Misconfigured` says why not, and `option` how to choose another."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With its protocol named: only then asyncio sets TCP_NODELAY on what it accepts. Without it an answer's body
        # waits about 40 ms for the other side to acknowledge the head.
        door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise Misconfigured(say("serve.port", host=host, port=port, reason=reason(error))) from error
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(1024)
    except OSError as error:
        door.close()
        if error.errno == errno.EADDRINUSE:
            raise Misconfigured(
                say("serve.port_taken", host=host, port=port), fix=say("serve.port_taken.fix", option=option)
            ) from error
        raise Misconfigured(say("serve.port", host=host, port=port, reason=reason(error))) from error
    return door


def free_port() -> int:
    """Find a port on loopback that nothing listens on just now.

    It lies below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): one of
    those may be in use again before its asker gets to open it.
    """
    while True:
        with socket.socket() as door:
            try:
                door.bind(("127.0.0.1", port := random.randrange(*FREE_PORTS)))  # noqa: S311
            except OSError:
                continue
            return port


def reason(error: BaseException) -> str:
    """Give an error of the system as half a sentence."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return told[:1].lower() + told[1:] if told[1:2].islower() else told
