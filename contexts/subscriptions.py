"""What a socket listens to, and which changes concern it. Knows no database and no loop."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from contexts.levels import Key


@dataclass(frozen=True, slots=True)
class Event:
    """A change of the log as sockets send it: encoded once for all of them.

    `keys` are the contexts on its path, from the organization down to its own.
    """

    seq: int
    keys: tuple[Key, ...]
    text: str

    @property
    def key(self) -> Key:
        return self.keys[-1]


@dataclass(eq=False, slots=True)
class Subscription:
    """One context that a socket listens to, with all that it inherits from.

    `chain` is that context's chain, general first, as of the last change heard. `sent` is the
    number of the last change sent, at first that of where the subscription began; `reached` is
    the number up to which the log was considered when it is still `behind` its socket.
    """

    name: str
    key: Key
    descendants: bool
    chain: tuple[Key, ...]
    sent: int
    reached: int
    behind: bool = False
    active: bool = True
    _suffix: str = field(init=False)

    def __post_init__(self) -> None:
        self._suffix = ',"subscription":' + json.dumps(self.name, ensure_ascii=False) + "}"

    def frame(self, event: Event) -> str:
        """The message that tells of `event`, which is then the last one sent."""
        text = f'{event.text},"previous_seq":{self.sent}{self._suffix}'
        self.sent = event.seq
        return text


class Subscriptions:
    """The subscriptions of a socket, by name, and found by what they hear of."""

    def __init__(self) -> None:
        self._by_name: dict[str, Subscription] = {}
        self._along: dict[Key, dict[Subscription, None]] = {}
        self._below: dict[Key, dict[Subscription, None]] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._by_name.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def add(self, subscription: Subscription) -> None:
        """Adds it, in place of one of the same name."""
        self.remove(subscription.name)
        self._by_name[subscription.name] = subscription
        self._index(subscription)

    def remove(self, name: str) -> Subscription | None:
        """Takes out the one of that name."""
        found = self._by_name.pop(name, None)
        if found is not None:
            found.active = False
            self._forget(found)
        return found

    def of(self, key: Key) -> list[Subscription]:
        """Those of a context."""
        return [each for each in self._by_name.values() if each.key == key]

    def hearing(self, event: Event) -> list[Subscription]:
        """Those that `event` concerns: at, above or, if they asked for that, below theirs."""
        found = dict(self._along.get(event.key, ()))
        if self._below:
            for key in event.keys:
                found.update(self._below.get(key, ()))
        return list(found)

    def follow(self, subscription: Subscription, event: Event) -> None:
        """Moves the chain along when `event` shows its context, or one above, elsewhere."""
        chain = subscription.chain
        if event.key not in chain:
            return
        place = chain.index(event.key) + 1
        # What the log cannot tell stays as it was.
        if len(event.keys) == place and event.keys != chain[:place]:
            self._forget(subscription)
            subscription.chain = event.keys + chain[place:]
            self._index(subscription)

    def _index(self, subscription: Subscription) -> None:
        for key in subscription.chain:
            self._along.setdefault(key, {})[subscription] = None
        if subscription.descendants:
            self._below.setdefault(subscription.key, {})[subscription] = None

    def _forget(self, subscription: Subscription) -> None:
        for index in (self._along, self._below):
            for key in {*subscription.chain, subscription.key}:
                if key in index:
                    index[key].pop(subscription, None)
                    if not index[key]:
                        del index[key]
