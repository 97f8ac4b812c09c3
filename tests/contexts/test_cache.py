"""The resolve cache: bounded here, shared over Redis, and never needed."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches

from contexts import cache, services
from contexts.access import Caller
from contexts.breaker import PAUSE_SECONDS, Breaker
from contexts.cache import LRU
from contexts.levels import PROJECT
from contexts.resolving import resolve
from tests.instances import Instance

GENEROUS = 5.0
TIME_OUTS = {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2}


def test_the_least_recently_used_goes_when_the_bytes_are_full() -> None:
    kept = LRU(most_bytes=80)
    for number in range(8):
        kept.put(f"{number}", b"x" * 10)
    assert kept.get("0") == b"x" * 10
    kept.put("more", b"x" * 9)
    there = [key for key in [*map(str, range(8)), "more"] if kept.get(key) is not None]
    assert there == ["0", "2", "3", "4", "5", "6", "7", "more"]


def test_replacing_a_value_counts_its_bytes_once() -> None:
    kept = LRU(most_bytes=80)
    for number in range(7):
        kept.put(f"{number}", b"x" * 10)
    for size in (8, 2, 9, 10):
        kept.put("again", b"x" * size)
    assert all(kept.get(key) is not None for key in [*map(str, range(7)), "again"])


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    kept = LRU(most_bytes=80)
    kept.put("small", b"x")
    for size in (11, 80, 81, 1000):
        kept.put("large", b"x" * size)
        assert (kept.get("large"), kept.get("small")) == (None, b"x")
    kept.clear()
    assert kept.get("small") is None
    for number in range(8):
        kept.put(f"{number}", b"x" * 10)
    assert all(kept.get(f"{number}") is not None for number in range(8))


def test_many_threads_never_take_it_over_its_bound() -> None:
    kept = LRU(most_bytes=800)

    def work(number: int) -> None:
        for step in range(300):
            kept.put(f"{number % 3}.{step % 20}", b"x" * (step % 90))
            kept.get(f"{step % 3}.{step % 20}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    left = [kept.get(f"{one}.{two}") for one in range(3) for two in range(20)]
    assert 0 < sum(len(each) for each in left if each is not None) <= 800
    # Its count of bytes is right still: it holds as much as ever.
    for number in range(8):
        kept.put(f"{number}", b"x" * 100)
    assert all(kept.get(f"{number}") is not None for number in range(8))


def test_after_a_failure_the_breaker_lets_through_again_when_its_pause_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("contexts.breaker.time.monotonic", lambda: now[0])
    breaker = Breaker()
    assert breaker.allows
    breaker.failed()
    assert not breaker.allows
    now[0] += PAUSE_SECONDS - 0.01
    assert not breaker.allows
    now[0] += 0.01
    assert breaker.allows


class FakeRedis:
    """Accepts connections and counts them; hangs, or hangs up at once."""

    def __init__(self, hangs: bool) -> None:
        self.connections = 0
        self._hangs = hangs
        self._held: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            if self._hangs:
                self._held.append(client)
            else:
                client.close()

    def close(self) -> None:
        # Wakes the accept, which close alone would leave waiting.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(GENEROUS)
        for client in self._held:
            client.close()


@pytest.fixture
def fresh_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing cached, no failure remembered."""
    monkeypatch.setattr(cache, "breaker", Breaker())
    monkeypatch.setattr(cache, "counts", cache.Counts())
    cache.near.clear()
    yield
    cache.near.clear()


def use_redis(settings: Any, url: str) -> None:
    settings.CONTEXTSYS_REDIS_URL = url
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": url,
            "OPTIONS": TIME_OUTS,
        }
    }


@pytest.fixture(params=["hangs", "hangs up"])
def broken_redis(request: pytest.FixtureRequest, settings: Any) -> Iterator[FakeRedis]:
    redis = FakeRedis(hangs=request.param == "hangs")
    use_redis(settings, redis.url)
    yield redis
    caches["default"].close()
    redis.close()


def dead_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def make_project(owner: Caller) -> None:
    services.create(owner, PROJECT, {"data": {"a": 1}}, context_id="p1")


def set_number(owner: Caller, number: int) -> None:
    services.update(owner, PROJECT, "p1", lambda values: {**values, "data": {"a": number}})


def test_with_redis_an_instance_has_these_time_outs(tmp_path: Path) -> None:
    """`use_redis` repeats them, as the suite may run without Redis."""
    show = "import json; from django.conf import settings; print(json.dumps(settings.CACHES))"
    shown = Instance(
        tmp_path, f"sqlite:///{tmp_path}/unused.sqlite3", {"REDIS_URL": dead_address()}
    ).manage("shell", "--no-imports", "-c", show)
    assert json.loads(shown.stdout)["default"]["OPTIONS"] == TIME_OUTS


@pytest.mark.usefixtures("fresh_cache")
def test_without_redis_it_resolves_right_and_asks_once_only(
    owner: Caller, broken_redis: FakeRedis
) -> None:
    make_project(owner)
    ended = threading.Event()
    alarm = threading.Timer(GENEROUS, ended.set)
    alarm.start()
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    stalled = ended.is_set()
    alarm.cancel()
    assert not stalled
    asked = broken_redis.connections
    assert asked >= 1
    assert not cache.breaker.allows
    for number in range(2, 20):
        set_number(owner, number)
        assert resolve(PROJECT, "global", "p1").data == {"a": number}
    assert broken_redis.connections == asked


@pytest.mark.usefixtures("fresh_cache")
def test_a_failure_costs_one_try_and_not_one_for_each_of_reading_and_keeping(
    owner: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_redis(settings, dead_address())
    asked: list[str] = []

    class Counting:
        def __getattr__(self, method: str) -> Any:
            asked.append(method)
            return getattr(caches["default"], method)

    monkeypatch.setattr(cache, "shared", Counting())
    make_project(owner)
    for _ in range(3):
        cache.near.clear()
        assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    assert asked == ["get"]
    # Its pause over, it is asked again, once.
    monkeypatch.setattr(cache, "breaker", Breaker())
    cache.near.clear()
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    assert asked == ["get", "get"]


@pytest.mark.usefixtures("fresh_cache")
def test_processes_share_what_one_has_folded(
    owner: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CONTEXTSYS_REDIS_URL = "redis://shared"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "x"}
    }
    make_project(owner)
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    # Another process: nothing near, the same shared cache.
    monkeypatch.setattr(cache, "near", LRU(2**20))
    counts = cache.counts
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    assert (counts.hits, counts.misses, counts.hit_rate) == (1, 2, 1 / 3)
    caches["default"].clear()


@pytest.mark.usefixtures("fresh_cache")
def test_without_a_shared_cache_nothing_is_asked_of_it(
    owner: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CONTEXTSYS_REDIS_URL = ""
    monkeypatch.setattr(cache, "shared", None)
    make_project(owner)
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    assert resolve(PROJECT, "global", "p1").data == {"a": 1}
    assert (cache.counts.hits, cache.counts.misses) == (1, 2)
    assert cache.breaker.allows


@pytest.mark.usefixtures("fresh_cache")
def test_of_a_context_only_the_newest_fold_is_kept(
    owner: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that runs for months holds one a context: old ones push nothing out."""
    settings.CONTEXTSYS_REDIS_URL = ""
    monkeypatch.setattr(cache, "near", LRU(most_bytes=2_000))
    cache.put("other", "1", b"x")
    make_project(owner)
    for number in range(2, 50):
        set_number(owner, number)
        assert resolve(PROJECT, "global", "p1").data == {"a": number}
    assert cache.get("other", "1") == b"x"


@pytest.mark.usefixtures("fresh_cache")
def test_what_was_made_in_another_state_is_not_found_and_gives_way(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CONTEXTSYS_REDIS_URL = "redis://shared"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "y"}
    }
    cache.put("a|b", "1|1", b"old")
    # As another process sees it, which then keeps its own.
    monkeypatch.setattr(cache, "near", LRU(2**20))
    assert [cache.get("a|b", state) for state in ("1|1", "1|12", "1", "")] == [b"old", *[None] * 3]
    cache.put("a|b", "1|12", b"new")
    assert [cache.get("a|b", state) for state in ("1|1", "1|12")] == [None, b"new"]
    cache.near.clear()
    assert [cache.get("a|b", state) for state in ("1|1", "1|12")] == [None, b"new"]
    caches["default"].clear()
