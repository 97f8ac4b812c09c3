"""Reading environment variables: typed, each once, and refused with a clear sentence.

Used by `settings` only.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

env = Env()


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """The variable's value, which must be one of `allowed` (case does not matter)."""
    value: str = env.str(name, default)
    for candidate in allowed:
        if value.lower() == candidate.lower():
            return candidate
    raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


def flag(name: str, default: bool) -> bool:
    """A switch: 1, true, yes, on or 0, false, no, off."""
    try:
        return bool(env.bool(name, default))
    except EnvError:
        value = os.environ[name]
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.") from None


def positive(name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    value = os.environ.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,12}", value) is None or not 1 <= int(value) <= most:
        raise ImproperlyConfigured(
            f"{name} is {value[:20]!r}; it must be a whole number from 1 to {most}."
        )
    return int(value)


def hosts(name: str, default: list[str]) -> list[str]:
    """Host names, separated by commas; one that begins with a dot stands for all below it."""
    names: list[str] = env.list(name, default)
    for each in names:
        if (
            re.fullmatch(r"\*|\[[0-9A-Fa-f:.]+\]|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", each)
            is None
        ):
            raise ImproperlyConfigured(f"{name} names {each[:50]!r}, which is no host name.")
    return names


def file(name: str, default: Path) -> Path | None:
    """A file that is named, or the default where there is one; whether it can be used is for a
    system check."""
    given: str = env.str(name, "")
    if given:
        return Path(given).resolve()
    return default if default.exists() else None


def url(name: str, schemes: tuple[str, ...]) -> str:
    """A URL with one of `schemes`, or "" when the variable is not set.

    The complaint never repeats the value: such URLs hold passwords.
    """
    value: str = env.str(name, "")
    if value:
        try:
            parts = urlsplit(value)
            known = parts.scheme in schemes and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ImproperlyConfigured(
                f"{name} must be a URL that begins {'://, '.join(schemes)}://."
            )
    return value


def database(home: Path) -> dict[str, Any]:
    """Django's database settings from `DATABASE_URL`; SQLite in `home` when it is not set.

    SQLite: WAL, IMMEDIATE transactions and synchronous FULL, so that writers queue instead of
    failing and an acknowledged write survives a power cut. PostgreSQL: Django's own pool,
    because under ASGI persistent connections leak.
    """
    address = url("DATABASE_URL", ("sqlite", "postgres", "postgresql"))
    try:
        settings: dict[str, Any] = dict(
            env.dj_db_url("DATABASE_URL", f"sqlite:///{home / 'contextsys.sqlite3'}")
        )
    except EnvError:
        raise ImproperlyConfigured("DATABASE_URL cannot be read as a database address.") from None
    options: dict[str, Any] = settings.setdefault("OPTIONS", {})
    if address.startswith("postgres"):
        # After a second without the database it is asked anew by whoever needs it; the pool's own
        # pauses would double, and outlast the time that it was away.
        pool = {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 1}
        options.setdefault("pool", pool)
        # Of use to `contexts.prepared` only: Django's own cursors never prepare.
        options.setdefault("prepare_threshold", 0)
        # The planner takes a search for dear, and compiling it takes ten times what it takes.
        options["options"] = f"-c jit=off {options.get('options', '')}".rstrip()
        settings["CONN_MAX_AGE"] = 0
    else:
        # Threads are kept, and opening the file is half of a small request.
        settings |= {"ENGINE": "contextsys.sqlite3", "CONN_MAX_AGE": None}
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    return settings


def secret_key(home: Path) -> str:
    """`CONTEXTSYS_SECRET_KEY`, else the one kept in `home`, made at the first start (0600)."""
    given: str = env.str("CONTEXTSYS_SECRET_KEY", "")
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured("CONTEXTSYS_SECRET_KEY must have at least 32 characters.")
        return given
    kept = home / "secret_key"
    try:
        # What is in there is nobody else's on this machine.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and linked, so that two processes starting at once agree on one key.
        draft = home / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        if not kept.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))
            try:
                os.link(draft, kept)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return kept.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"CONTEXTSYS_HOME ({home}) cannot be used: {error.strerror}."
        ) from None
