"""One event from standard input to the server, or into the spool."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time

from contexts import naming
from contexts.hook import places
from contexts.hook.server import Away, Server
from contexts.hook.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:  # An agent waits: what is not used is not imported, `typing` least of all.
    from typing import Any

LARGEST_EVENT = 8 * 2**20


def main() -> int:
    """Handles one event; 0 whatever happens."""
    with contextlib.suppress(Exception):
        run(sys.stdin.buffer.read(LARGEST_EVENT + 1), sys.argv[1:])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    return 0


def run(body: bytes, arguments: list[str]) -> None:
    event = json.loads(body)
    if not isinstance(event, dict) or len(body) > LARGEST_EVENT:
        return
    cwd = event.get("cwd")
    project, branch = places.place_of(cwd if isinstance(cwd, str) and cwd else os.getcwd())
    named = dict(zip(arguments[::2], arguments[1::2], strict=False))
    query = {"project": named.get("--project") or project}
    if named.get("--branch"):
        query["branch"] = named["--branch"]
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    event.setdefault("timestamp", f"{stamp}.{int(now % 1 * 1e6):06}Z")
    if branch:
        event.setdefault("git_branch", branch)
    if "branch" not in query:
        query["branch"] = naming.branch_id_from(
            query["project"], branch or "main", places.LONGEST_ID
        )
    text = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
    answer = deliver(Spool(), {"query": text, "event": event})
    output = answer.get("hookSpecificOutput") if isinstance(answer, dict) else None
    if isinstance(output, dict) and isinstance(output.get("additionalContext"), str):
        sys.stdout.write(json.dumps({"hookSpecificOutput": output}))


def deliver(spool: Spool, line: dict[str, Any]) -> Any:
    """The server's answer to an event, after those that waited; None when it must wait itself."""
    if spool.rests():
        spool.append(line)
        return None
    try:
        # Events that come together are told in any order; those that waited in theirs.
        if not spool.drain(Server()):
            spool.append(line)
            return None
        return Server().post(line)
    except Away as away:
        spool.append(line)
        spool.rest(away.silent)
        return None


def _quoted(text: str) -> str:
    """`text` for a query."""
    safe = re.compile(rb"[A-Za-z0-9._:@-]")
    return "".join(
        chr(byte) if safe.match(bytes((byte,))) else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )


if __name__ == "__main__":
    sys.exit(main())
