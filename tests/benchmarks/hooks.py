"""How long an agent waits for the hook endpoint: medians and 99th percentiles.

`python -m tests.benchmarks.hooks [--json]`, on SQLite or on `DATABASE_URL` and `REDIS_URL`.
Events as agents post them, each a new tool use of one of forty sessions, from one agent and from
four; large ones; and the usual ones while a worker looks into large ones. The last column compares
with `health/live`, asked in the same turn: what the server and the machine take for nothing.
"""

import itertools
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks import load, servers
from tests.benchmarks.load import Measured
from tests.instances import Instance

ROUNDS = 3
USUAL = 200
ADDRESS = "/api/v1/hooks/claude-code/?project=p&branch=b"
KIB = 1024
_numbers = itertools.count()


def main() -> None:
    with servers.ours(1) as instance:
        key = instance.credentials()["agent_key"]

        def post(*events: dict[str, Any]) -> list[bytes]:
            bodies = [json.dumps(event).encode() for event in events]
            return [
                load.request(instance.url, ADDRESS, key, method="POST", body=body)
                for body in bodies
            ]

        def usual(agents: int) -> Measured:
            events = itertools.islice(_usual(), USUAL)
            return load.measure(instance.url, post(*events), connections=agents)

        def large(size: int, times: int) -> Measured:
            measured = load.measure(
                instance.url, post(*(_printed(size) for _ in range(times))), connections=1
            )
            _finished(instance)
            return measured

        def beside() -> Measured:
            sent = post(*(_printed(2048 * KIB) for _ in range(8)))
            other = threading.Thread(target=load.measure, args=(instance.url, sent))
            other.start()
            measured = usual(1)
            other.join()
            _finished(instance)
            return measured

        live = [load.request(instance.url, "/api/v1/health/live")] * USUAL
        usual(4)
        _tell(
            {
                "health/live": lambda: load.measure(instance.url, live, connections=1),
                "usual events, one agent": lambda: usual(1),
                "usual events, four agents": lambda: usual(4),
                "64 KiB": lambda: large(64 * KIB, 40),
                "512 KiB": lambda: large(512 * KIB, 20),
                "2 MiB": lambda: large(2048 * KIB, 8),
                "7 MiB": lambda: large(7168 * KIB, 4),
                "usual events beside 2 MiB": beside,
            }
        )


def _usual() -> Iterator[dict[str, Any]]:
    """Edits, commands, a test run, a search and a file that was read, over and over."""
    line = "    total = sum(item.price * item.count for item in cart.items)"
    patch = {"oldStart": 1, "oldLines": 40, "newStart": 1, "newLines": 41}
    lines = [f" {line}" for _ in range(40)]
    failed = "E       assert 1 == 2\n\ntest_cart.py:3: AssertionError\n" * 60
    while True:
        yield _event(
            "Edit",
            {"file_path": "/home/me/shop/cart.py", "old_string": line, "new_string": line + "\n"},
            {"structuredPatch": [{**patch, "lines": [*lines, "+    return total"]}]},
        )
        yield _event("Bash", {"command": "git status --short"}, {"stdout": " M cart.py\n"})
        yield _event(
            "Bash",
            {"command": "pytest -q"},
            {"stdout": f"{failed}FAILED test_cart.py::test_sum - assert 1 == 2\n1 failed in 0.10s"},
        )
        yield _event("Grep", {"pattern": "total"}, {"numFiles": 9, "filenames": ["cart.py"] * 9})
        yield _event(
            "Read", {"file_path": "/home/me/shop/cart.py"}, {"file": {"content": line * 150}}
        )


def _printed(size: int) -> dict[str, Any]:
    lines = "compiling module 17 of 4711 with its options and a few words\n" * 19
    block = f"{lines}warning: the token 'x' in module 17 is never used\n"
    printed = block * (size // len(block) + 1)
    return _event("Bash", {"command": "make"}, {"stdout": printed[:size]})


def _event(tool: str, arguments: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "hook_event_name": "PostToolUse",
        "session_id": f"session-{number % 40}",
        "transcript_path": "/home/me/.claude/projects/-home-me-shop/session.jsonl",
        "cwd": "/home/me/shop",
        "tool_name": tool,
        "tool_input": arguments,
        "tool_response": response,
        "tool_use_id": f"call-{number}",
        "duration_ms": 12,
    }


def _finished(instance: Instance) -> None:
    """Waits until nothing is left to be looked into, so that the next turn begins alike."""
    with instance.client() as client:
        while True:
            pages = [
                client.get(f"api/v1/contexts/task/session-{n}/entries/?page_size=20").json()
                for n in range(40)
            ]
            entries = (entry for page in pages for entry in page.get("results", ()))
            if not any("pending" in entry["details"]["extracted"] for entry in entries):
                return
            time.sleep(0.2)


def _tell(works: dict[str, Callable[[], Measured]]) -> None:
    rounds: list[dict[str, Measured]] = [
        {name: work() for name, work in works.items()} for _ in range(ROUNDS)
    ]
    figures = {}
    for name in works:
        latencies = [one for each in rounds for one in each[name].latencies]
        whole = Measured(latencies=latencies)
        floor = statistics.median(each["health/live"].quantile(0.5) for each in rounds)
        figures[name] = {
            "events": len(latencies),
            "p50_ms": round(whole.quantile(0.5), 1),
            "p99_ms": round(whole.quantile(0.99), 1),
            "over_200_ms": sum(one > 0.2 for one in latencies),
            "p50_ratio": round(whole.quantile(0.5) / floor, 1),
        }
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    print(f"{'':28} {'events':>7} {'p50':>9} {'p99':>9} {'> 200 ms':>9}   p50 x health/live")
    for name, row in figures.items():
        print(
            f"{name:28} {row['events']:7} {row['p50_ms']:6} ms {row['p99_ms']:6} ms "
            f"{row['over_200_ms']:9} {row['p50_ratio']:8}"
        )


if __name__ == "__main__":
    main()
