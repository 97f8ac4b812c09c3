"""How fast a node catches up with its hub, and its hub with it and with eight of them at once.

`python -m tests.benchmarks.sync [CHANGES] [--json]`: the hub is on SQLite or on `DATABASE_URL`,
nodes are on SQLite. One change in ten is an edit of a task, the others are progress; each node
writes to tasks of its own.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks import servers
from tests.benchmarks.table import tell
from tests.instances import Instance

CHANGES = 100_000
PUSHED = 5_000
# Of several nodes at once.
EACH = 1_000
NODES = 8
TASKS = 10
WRITE = """
from contexts import entries, services
from contexts.changes import Author
from contexts.entries import Draft
from contexts.levels import TASK
from contexts.models import Entry
author = Author("global", "bench")
for number in range({count} // 500):
    place = "t%d" % ({first} + number % 10)
    entries.add_many(author, TASK, place, [
        Draft(Entry.Kind.PROGRESS, "Step %d of %d is done." % (each, number))
        for each in range(450)])
    for each in range(50):
        place = "t%d" % ({first} + each % 10)
        services.update(author, TASK, place, lambda old: {{**old, "data": {{
            **old["data"], "edited": [number, each]}}}})
"""


@contextlib.contextmanager
def node_of(hub: Instance) -> Iterator[Instance]:
    """A node that has what its hub has, and does not run."""
    with tempfile.TemporaryDirectory() as home:
        told = {
            **servers.QUIET,
            "CONTEXTSYS_CLOUD_URL": hub.url,
            "CONTEXTSYS_CLOUD_KEY": hub.credentials()["agent_key"],
        }
        node = Instance(Path(home), "", told)
        node.manage("migrate", "-v0")
        node.manage("create_organization", "global")
        synced(node)
        yield node


def synced(*nodes: Instance) -> float:
    """Syncs them at once; in how many seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(lambda node: node.manage("sync", "--once"), nodes))
    return time.monotonic() - began


def write(instance: Instance, count: int, first: int = 0) -> None:
    """Writes `count` changes to tasks from `t{first}` on."""
    instance.manage("shell", "-v0", "-c", WRITE.format(count=count, first=first))


def main(changes: int) -> None:
    with servers.ours(TASKS * NODES) as hub, contextlib.ExitStack() as stack:
        node = stack.enter_context(node_of(hub))
        idle = synced(node)
        write(hub, changes)
        figures = {"one node, far behind, pulls": changes / (synced(node) - idle)}
        write(node, PUSHED)
        one, many = "one node pushes", f"{NODES} nodes push at once"
        figures[one] = PUSHED / (synced(node) - idle)
        others = [stack.enter_context(node_of(hub)) for _ in range(NODES - 1)]
        idle = synced(node, *others)
        for number, each in enumerate((node, *others)):
            write(each, EACH, TASKS * number)
        figures[many] = NODES * EACH / (synced(node, *others) - idle)
        tell("Sync", figures, "changes a second", {many: one})


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [CHANGES]))
