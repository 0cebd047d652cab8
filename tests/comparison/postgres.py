"""A real PostgreSQL in a temporary folder, run by an unprivileged user and reached by a socket in that folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def tool(name: str) -> str | None:
    """A program of PostgreSQL: on the path, or where Debian keeps it."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(kept[-1]) if kept else None)


def unprivileged() -> dict[str, Any]:
    """Arguments of `subprocess` for a user that PostgreSQL accepts: root is none."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    return {"user": None}


@contextmanager
def server() -> Iterator[str]:
    """Start a server, give the URL of its database, and stop it."""
    initdb, control = tool("initdb"), tool("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="psycopg, the driver for PostgreSQL, is not installed")
    user = unprivileged()
    if user.get("user", 0) is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if user:
            os.chown(folder, user["user"], user["group"])
        data, log = folder / "data", folder / "log"
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder}
        subprocess.run([initdb, "-D", data, "-U", "tester", "-A", "trust", "--no-sync"], check=True, **quiet, **user)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([control, "-D", data, "-l", log, "-o", options, "-w", "start"], check=True, **quiet, **user)
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            subprocess.run([control, "-D", data, "-m", "immediate", "-w", "stop"], check=True, **quiet, **user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
