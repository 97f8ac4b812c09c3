"""Logging: one line an event to standard error, as text or JSON; structlog over stdlib logging.

No line shows a key, a document, SQL or a request's body. A crash is told by its type and the
place in our code: messages and source lines of exceptions may hold any of these.
"""

import json
import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

BASE_DIR = Path(__file__).resolve().parent.parent
_COLOURS = {"debug": 34, "info": 32, "warning": 33, "error": 31, "critical": 31}


def configure(level: str, form: str) -> None:
    """Sends all logging to standard error as `form` (`text`, `json`).

    `level` is what our own loggers (`contextsys…`) tell; libraries tell warnings only.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        name_caller,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_crash,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = StandardError()
    handler.addFilter(without_values)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                as_json if form == "json" else as_text,
            ],
        )
    )
    root = logging.getLogger()
    # Daphne's command has one already, which would tell all twice, with whole stack traces.
    root.handlers = [
        each
        for each in root.handlers
        if not isinstance(each, StandardError) and type(each) is not logging.StreamHandler
    ]
    root.addHandler(handler)
    quiet = max(logging.WARNING, logging.getLevelNamesMapping()[level])
    root.setLevel(quiet)
    for library in ("django", "daphne", "twisted", "celery", "kombu"):
        logging.getLogger(library).setLevel(quiet)
    logging.getLogger("contextsys").setLevel(level)
    logging.getLogger("django.request").addFilter(only_crashes)


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: test runners and daemons replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def only_crashes(record: logging.LogRecord) -> bool:
    """Every answer has a line of its own already; Django's is for crashes only."""
    return record.levelno >= logging.ERROR and bool(record.exc_info)


def without_values(record: logging.LogRecord) -> bool:
    """Takes out of a library's message the exceptions put into it: they may quote anything."""
    if record.name.startswith("django.security"):
        record.exc_info = None
    if record.name == "psycopg.pool":
        # Why no connection could be made; before there is one, there is nothing to quote.
        return True
    if isinstance(record.args, tuple):
        record.args = tuple(
            type(each).__name__ if isinstance(each, BaseException) else each for each in record.args
        )
        if record.name == "celery.beat":
            # It says where it was when the broker did not answer, line by line of our code.
            record.args = tuple("" if isinstance(each, list) else each for each in record.args)
    elif isinstance(record.args, dict) and "exc" in record.args and record.exc_info:
        kind = record.exc_info[0]
        record.args = {**record.args, "exc": kind.__name__ if kind else "", "traceback": ""}
    return True


def name_caller(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Names the agent or user of the request that is being answered, once it is known."""
    caller = getattr(event.pop("http_request", None), "contextsys_caller", None)
    if caller is not None:
        event.setdefault("agent" if caller.is_agent else "user", caller.name)
        event.setdefault("organization", caller.organization_id)
    return event


def name_crash(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """An exception as `exception` (its type, and those it came of) and `where`."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    event.pop("stack_info", None)
    if isinstance(error, BaseException):
        kinds, places = [], []
        seen: set[int] = set()
        cause: BaseException | None = error
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            kinds.append(type(cause).__qualname__)
            places += _own_places(cause.__traceback__)
            cause = cause.__cause__ or cause.__context__
        event["exception"] = " from ".join(kinds)
        event["where"] = places[0] if places else ""
    return event


def _own_places(trace: TracebackType | None) -> list[str]:
    """Where in our own code it happened, the innermost first; no line shows a whole trace."""
    return [
        f"{Path(frame.filename).relative_to(BASE_DIR)}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(BASE_DIR) and ".venv" not in frame.filename
    ][::-1]


def as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """One JSON object a line."""
    first = {key: event.pop(key, "") for key in ("timestamp", "level", "logger", "event")}
    return json.dumps({**first, **event}, default=str)


def as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Time, level, logger and event, then `key=value`; nothing in it can break the line."""
    level = str(event.pop("level", ""))
    shown = f"{level.upper():<8}"
    if sys.stderr.isatty():
        shown = f"\x1b[{_COLOURS.get(level, 0)}m{shown}\x1b[0m"
    head = [event.pop("timestamp", ""), shown, event.pop("logger", "")]
    head.append(json.dumps(str(event.pop("event", "")))[1:-1])
    return " ".join([*map(str, head), *(f"{key}={_value(event[key])}" for key in event)])


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = " < ".join(map(str, value))
    text = str(value)
    quoted = json.dumps(text)
    needs_quotes = not text or " " in text or "=" in text or quoted != f'"{text}"'
    return quoted if needs_quotes else text
