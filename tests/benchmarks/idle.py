"""What sockets cost that only listen: how fast they connect, and memory each.

`python -m tests.benchmarks.idle [SOCKETS] [--json]`: each subscribes to a task and is then left
alone; heartbeats go on.
"""

import asyncio
import json
import sys
import time

from tests.benchmarks import servers
from tests.benchmarks.fanout import connected, settled
from tests.benchmarks.table import tell
from tests.instances import Instance

SOCKETS = 1_000
# An agent may have a hundred.
EACH = 80
TASKS = 50


def main(sockets: int) -> None:
    with servers.ours(TASKS) as instance:
        keys = [
            instance.manage("create_agent", f"listener-{each}").stdout.strip()
            for each in range(sockets // EACH + 1)
        ]
        figures = asyncio.run(_measure(instance, keys, sockets))
    tell(f"{sockets:,} sockets that listen", figures, "", {})


async def _measure(instance: Instance, keys: list[str], sockets: int) -> dict[str, float]:
    mark = b'{"type":"context_changed"'
    # What the first ones bring with them is not the others' cost.
    first = await connected(instance.url, "/ws/contexts/", keys, mark, 20)
    before = servers.memory(instance)
    began = time.perf_counter()
    clients = await connected(instance.url, "/ws/contexts/", keys, mark, sockets - len(first))
    await settled(clients, 2)
    took = time.perf_counter() - began
    for number, client in enumerate(clients):
        place = {"level": "task", "context_id": f"t{number % TASKS}"}
        client.say(json.dumps({"type": "subscribe", **place}))
    await settled(clients, 3)
    grown = servers.memory(instance) - before
    return {
        "connections a second": len(clients) / took,
        "KiB a socket": grown / len(clients) / 1024,
    }


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [SOCKETS]))
