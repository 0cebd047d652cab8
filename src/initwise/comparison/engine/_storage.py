"""Where outcomes are kept: a journal file, or a PostgreSQL database, by way of Optuna."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

from initwise.comparison._optional import needed
from initwise.comparison.engine._lock import DeathProofLock
from initwise.errors import ArgumentError

TIMEOUT = 10  # seconds to wait for a database


def open_storage(place: str) -> Any:
    """Return the Optuna storage at a path of a journal file, or at the URL of a database.

    Raises:
        ArgumentError: it cannot be reached, or is none.
        NotSupportedError: Optuna, or the driver of the database, is not installed.
    """
    needed("Optuna", "optuna", "compare", "compare")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return _database(place) if "://" in place else _journal(Path(place))


def shown(place: str) -> str:
    """Return a place as it may be shown: without a password."""
    if "://" not in place:
        return place
    scheme, _, rest = place.partition("://")
    who, at, where = rest.rpartition("@")
    return f"{scheme}://{who.partition(':')[0]}{at}{where}"


def _journal(path: Path) -> Any:
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    if not path.parent.is_dir():
        raise ArgumentError(f"compare: storage {path}: its folder does not exist; create it, or give another path")
    try:
        path.touch()
        _check_journal(path)
        lock: Any = DeathProofLock(path) if importlib.util.find_spec("fcntl") else None
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except OSError as error:
        raise ArgumentError(
            f"compare: storage {path}: cannot be opened: {error.strerror or error}; give the path of a file that can be"
            " read and written, or the URL of a database"
        ) from error


def _check_journal(path: Path) -> None:
    """Refuse a file that is no journal before anything is written into it."""
    with path.open("rb") as file:
        first = file.readline()
    if not first:
        return
    try:
        known = isinstance(json.loads(first), dict) and "op_code" in json.loads(first)
    except ValueError:
        known = False
    if not known and first.endswith(b"\n"):
        raise ArgumentError(f"compare: storage {path}: this file is no journal of Optuna; give another path")


def _database(url: str) -> Any:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    if url.startswith("sqlite"):
        raise ArgumentError(
            f"compare: storage {url}: SQLite does not bear several workers; give the path of a journal file, or a"
            " postgresql:// URL"
        )
    driven, settings = url, dict[str, Any](pool_pre_ping=True)
    if url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        needed("psycopg", "psycopg", "compare", "compare: storage in PostgreSQL")
        driven = "postgresql+psycopg://" + url.partition("://")[2]
        settings["connect_args"] = {"connect_timeout": TIMEOUT}
    last: Exception | None = None
    for _ in range(3):  # several workers that make the tables at the same moment refuse each other
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return RDBStorage(driven, engine_kwargs=settings)
        except (SQLAlchemyError, ImportError, RuntimeError) as error:
            last = error
            if type(error).__name__ == "OperationalError":
                break
    reason = str(getattr(last, "orig", None) or last).strip().splitlines()[0]
    raise ArgumentError(
        f"compare: storage {shown(url)}: cannot be reached: {reason}; check the address, that the server runs, and"
        " that the database exists"
    ) from last
