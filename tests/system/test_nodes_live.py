"""A hub and two nodes, all real: what is written at one is heard and seen live at the others."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.faults.cluster import Cluster, Site, cluster_in
from tests.faults.services import until as waited
from tests.pages.browsing import as_admin, axe, launched, patch, post, visit
from tests.system.sockets import Listener, until

STYLE = "data.rules.style"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A hub with a branch `b1` in `p1`, and two nodes that have it."""
    with cluster_in(tmp_path_factory.mktemp("live")) as made:
        made.start({}, {})
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


def agent(site: Site, name: str) -> Any:
    return site.client(site.manage("create_agent", name, "--role", "writer").stdout.strip())


def told(listener: Listener) -> list[tuple[str, str, str]]:
    return [
        (frame["context_id"], frame["change_type"], frame["changed_by"]) for frame in listener.heard
    ]


def test_sockets_of_a_node_hear_what_the_hub_and_its_other_nodes_write(cluster: Cluster) -> None:
    hub, (first, second) = cluster.hub, cluster.nodes
    everything = [
        Listener([site.url], site.credentials()["agent_key"], "global", "global", True)
        for site in (hub, first, second)
    ]
    one = Listener([first.url], first.credentials()["agent_key"], "task", "heard")
    with agent(hub, "at-hub") as at_hub, agent(second, "at-second") as at_second:
        # Each step once the others have the one before: what a node does not know yet it may
        # see in fewer steps.
        steps: list[tuple[Any, tuple[str, str, str]]] = [
            (
                lambda: post(at_second, "contexts/task/", id="heard", branch_id="b1"),
                ("heard", "created", "at-second"),
            ),
            (
                lambda: post(at_second, "contexts/task/heard/insights/", content="Mock the clock"),
                ("heard", "entry_added", "at-second"),
            ),
            (
                lambda: patch(at_hub, "contexts/project/p1/", data={"rules": {"style": "ruff"}}),
                ("p1", "updated", "at-hub"),
            ),
            (
                lambda: patch(at_second, "contexts/task/heard/", progress=50),
                ("heard", "updated", "at-second"),
            ),
            (
                lambda: at_second.delete("/api/v1/contexts/task/heard/").raise_for_status(),
                ("heard", "deleted", "at-second"),
            ),
        ]

        async def scene() -> None:
            async with asyncio.timeout(120):
                listening = [asyncio.create_task(each.run()) for each in everything]
                for each in everything:
                    await each.begun.wait()
                for step, change in steps:
                    await asyncio.to_thread(step)
                    for each in everything:
                        await until(lambda each=each, change=change: change in told(each))
                    if change[1] == "created":
                        listening.append(asyncio.create_task(one.run()))
                        await one.begun.wait()
                await until(lambda: steps[-1][1] in told(one))
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)

        asyncio.run(scene())
    made = [change for _, change in steps]
    # Each once and in order, wherever it was written; a listener refuses what breaks its chain.
    for each in everything[:2]:
        assert [change for change in told(each) if change in made] == made
    assert told(one) == made[1:]


def style(site: Site) -> Any:
    return site.get("contexts/project/p1/")["data"]["rules"]["style"]


@pytest.mark.browser
def test_a_conflict_of_two_nodes_is_seen_and_settled_in_the_browser_of_one(
    cluster: Cluster, browser: Browser
) -> None:
    hub, (first, second) = cluster.hub, cluster.nodes
    with agent(first, "at-first") as at_first, agent(second, "late") as late:
        patch(late, "contexts/project/p1/", data={"rules": {"style": "before"}})
        cluster.in_step(60)
        with visit(browser, first) as here, visit(browser, second) as there:
            pages: list[Page] = []
            for visiting in (here, there):
                as_admin(visiting)
                pages.append(visiting.open("decisions/"))
                expect(visiting.page.locator("#conflicts")).to_contain_text("None is open.")
                expect(visiting.page.locator("#state-sync")).to_contain_text("Synced")
            second.proxy.cut(up=True, down=True)
            patch(at_first, "contexts/project/p1/", data={"rules": {"style": "earlier"}})
            patch(late, "contexts/project/p1/", data={"rules": {"style": "later"}, "late": 1})
            waited("the first edit is at the hub", lambda: style(hub) == "earlier", 60)
            second.proxy.heal(reset=True)
            for page in pages:
                # Without a reload, on both nodes.
                case = page.locator("#conflicts .case")
                expect(case).to_contain_text("the later by late")
                cells = case.get_by_role("row", name=STYLE).get_by_role("cell")
                expect(cells).to_have_text(['"before"', '"earlier"', '"later"'])
                expect(page.locator("#waiting")).to_have_text("1 waiting")
            assert axe(pages[0]) == []
            pages[0].get_by_role("button", name="Take the later one").click()
            here.told("Settled.")
            for page in pages:
                expect(page.locator("#conflicts")).to_contain_text("None is open.")
        cluster.in_step(60)
    assert [style(site) for site in cluster.sites] == ["later"] * 3
    assert first.get("contexts/project/p1/")["data"]["late"] == 1
