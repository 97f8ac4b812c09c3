"""How fast a node catches up with its hub, and its hub with it.

`python -m tests.benchmarks.sync [CHANGES] [--json]`: the hub is on SQLite or on `DATABASE_URL`,
nodes are on SQLite. One change in ten is an edit of a task, the others are progress.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import servers
from tests.benchmarks.table import tell
from tests.instances import Instance

CHANGES = 100_000
PUSHED = 5_000
WRITE = """
from contexts import entries, services
from contexts.changes import Author
from contexts.entries import Draft
from contexts.levels import TASK
from contexts.models import Entry
author = Author("global", "bench")
for number in range({count} // 500):
    place = "t%d" % (number % 10)
    entries.add_many(author, TASK, place, [
        Draft(Entry.Kind.PROGRESS, "Step %d of %d is done." % (each, number))
        for each in range(450)])
    for each in range(50):
        place = "t%d" % (each % 10)
        services.update(author, TASK, place, lambda old: {{**old, "data": {{
            **old["data"], "edited": [number, each]}}}})
"""


def main(changes: int) -> None:
    with servers.ours(10) as hub, tempfile.TemporaryDirectory() as home:
        told = {
            **servers.QUIET,
            "CONTEXTSYS_CLOUD_URL": hub.url,
            "CONTEXTSYS_CLOUD_KEY": hub.credentials()["agent_key"],
        }
        node = Instance(Path(home), "", told)
        node.manage("migrate", "-v0")
        node.manage("create_organization", "global")

        def synced() -> float:
            began = time.monotonic()
            node.manage("sync", "--once")
            return time.monotonic() - began

        synced()
        idle = synced()
        hub.manage("shell", "-v0", "-c", WRITE.format(count=changes))
        pulled = changes / (synced() - idle)
        node.manage("shell", "-v0", "-c", WRITE.format(count=PUSHED))
        pushed = PUSHED / (synced() - idle)
        figures = {"pulled, far behind": pulled, "pushed": pushed}
        tell("Sync of one node", figures, "changes a second", {})


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [CHANGES]))
