"""Starts the service: `python3 -m checkout [FOLDER]`, with `PORT`, `HOST` and `ENVIRONMENT` from the environment.

FOLDER holds the `VERSION` and `COMMIT` files; they stand beside the code if it is not named.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from checkout import about
from checkout.web import Server


def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End quietly when asked to."""
    sys.exit(0)


def main() -> None:
    """Serve until a signal ends it."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if not port.isdigit() or int(port) > 65535:
        sys.exit(f"PORT is {port!r}; it must be a number from 0 to 65535.")
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    known = about.read(os.environ.get("ENVIRONMENT") or "local", Path(sys.argv[1]) if len(sys.argv) > 1 else about.ROOT)
    try:
        server = Server((host, int(port)), known)
    except OSError as error:
        sys.exit(f"checkout can't listen on {host}:{port}: {error.strerror}. Is it taken? Set PORT to another one.")
    with server:
        url = f"http://{host}:{server.server_address[1]}"
        print(f"checkout {known.version} ({known.commit[:8]}) serves {known.environment} at {url}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
