"""Our service layer beside other stores of agents' memory, in one process, on one database.

`pip install -e '.[peers]'`, then `python -m tests.benchmarks.peers [--json]`, on SQLite or on
`DATABASE_URL`. LangGraph's stores have no levels: one `get` there is one document of 2 KB, one
`resolve` here the fold of four. The MCP project's memory server is asked over stdio, as it is made
for, when there is npx; beside it stands our HTTP.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks import inprocess, load, servers
from tests.benchmarks.documents import document
from tests.benchmarks.table import in_turns, tell

SIZES = (100, 1_000)
ROUNDS = 5
READS = 500
WRITES = 100
MEMORY_SIZES = (100, 1_000)


def main() -> None:
    with ExitStack() as stack:
        organization_id = stack.enter_context(inprocess.organization(0))
        theirs = stack.enter_context(_langgraph())
        made = 0
        for size in SIZES:
            _in_process(organization_id, theirs, made, size)
            made = size
    if shutil.which("npx"):
        _over_a_pipe()


def _rate(work: Callable[[int], Any], times: int) -> float:
    began = time.perf_counter()
    for number in range(times):
        work(number)
    return times / (time.perf_counter() - began)


def _in_process(organization_id: str, theirs: Any, made: int, size: int) -> None:
    from contexts import resolving, services
    from contexts.changes import Author
    from contexts.levels import TASK

    author, space = Author(organization_id, "benchmark"), ("bench", "p", "b")
    for number in range(made, size):
        place = {"branch_id": "b"}
        told = {"data": document(number)}
        services.create(author, TASK, told, context_id=f"t{number}", parent_ids=place)
        theirs.put(space, f"t{number}", document(number))

    def edited(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "edited": time.time()}

    def patch(number: int) -> None:
        services.update(
            author, TASK, f"t{number}", lambda old: {**old, "data": edited(old["data"])}
        )

    def put(number: int) -> None:
        theirs.put(space, f"t{number}", edited(theirs.get(space, f"t{number}").value))

    def resolve(number: int) -> None:
        resolving.resolve(TASK, organization_id, f"t{number % 50}").answer()

    name = type(theirs).__name__
    figures = in_turns(
        {
            "resolve (4 documents)": lambda: _rate(resolve, READS),
            f"{name}.get (1 document)": lambda: _rate(
                lambda number: theirs.get(space, f"t{number % 50}"), READS
            ),
            "PATCH one key": lambda: _rate(patch, WRITES),
            f"{name} get and put": lambda: _rate(put, WRITES),
        },
        ROUNDS,
    )
    against = {
        "resolve (4 documents)": f"{name}.get (1 document)",
        "PATCH one key": f"{name} get and put",
    }
    tell(f"In process, {size:,} tasks", figures, "a second", against)


@contextmanager
def _langgraph() -> Iterator[Any]:
    url = os.environ["DATABASE_URL"]
    if url.startswith("postgres"):
        from langgraph.store.postgres import PostgresStore

        made: Any = PostgresStore.from_conn_string(url)
    else:
        from langgraph.store.sqlite import SqliteStore

        made = SqliteStore.from_conn_string(f"{os.environ['CONTEXTSYS_HOME']}/langgraph.sqlite3")
    with made as store:
        store.setup()
        yield store


def _over_a_pipe() -> None:
    """The MCP memory server's read of one entity, as what it holds grows; beside our HTTP."""
    figures: dict[str, float] = {}
    for size in MEMORY_SIZES:
        with _memory() as call:
            entities = [
                {"name": f"t{n}", "entityType": "task", "observations": [json.dumps(document(n))]}
                for n in range(size)
            ]
            call("create_entities", entities=entities)
            taken = []
            for number in range(100):
                began = time.perf_counter()
                call("open_nodes", names=[f"t{number}"])
                taken.append(time.perf_counter() - began)
            figures[f"MCP memory open_nodes, {size:,} entities"] = 1000 * statistics.median(taken)
    with servers.ours(100) as instance:
        key = instance.credentials()["agent_key"]
        asked = [
            load.request(instance.url, f"/api/v1/contexts/task/t{n}/resolved/", key)
            for n in range(100)
        ]
        measured = load.measure(instance.url, asked, connections=1, seconds=3)
        figures["resolved/ over HTTP, one connection"] = measured.quantile(0.5)
    tell("One read, over stdio there and over HTTP here", figures, "ms", {})


@contextmanager
def _memory() -> Iterator[Callable[..., Any]]:
    """Calls a tool of a new memory server."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["npx", "-y", "@modelcontextprotocol/server-memory"],
            env={**os.environ, "MEMORY_FILE_PATH": str(Path(folder) / "memory.jsonl")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        told, heard = process.stdin, process.stdout

        def ask(method: str, params: dict[str, Any]) -> Any:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            told.write(json.dumps(message) + "\n")
            told.flush()
            answer = json.loads(heard.readline())
            assert "error" not in answer, answer
            return answer["result"]

        version = {"protocolVersion": "2025-03-26", "capabilities": {}}
        ask("initialize", {**version, "clientInfo": {"name": "benchmark", "version": "1"}})
        told.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        try:
            yield lambda name, **values: ask("tools/call", {"name": name, "arguments": values})
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
