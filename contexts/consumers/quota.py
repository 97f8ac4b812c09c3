"""How many sockets a caller has, in all processes.

Each process counts its own and writes that down in Redis, again every few seconds: what one that
was killed has left behind counts no longer than `LOST_SECONDS`. Without Redis, and while it is
away, each process counts for itself.
"""

import asyncio
import logging
import uuid
from collections import Counter

from django.conf import settings
from django_redis import get_redis_connection

from contexts.breaker import Breaker
from contexts.consumers.outgoing import TOO_MANY, Closed
from contexts.threads import in_thread

logger = logging.getLogger("contextsys.socket")
MOST_SOCKETS = 100
TELL_SECONDS = 3.0
LOST_SECONDS = 10.0
breaker = Breaker()
_process = uuid.uuid4().hex
_telling: set[asyncio.Task[None]] = set()
# One step for all: of two that come at the same moment one is the hundredth. Redis' own clock
# decides what is lost, as those of the processes' machines differ.
_CLAIM = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own, most, lost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local total = own
local told = redis.call('HGETALL', KEYS[1])
for place = 1, #told, 2 do
  local count, at = string.match(told[place + 1], '(%d+)@(%d+)')
  if told[place] == ARGV[1] then
    -- What we said before.
  elseif count and now - at <= lost then
    total = total + count
  else
    redis.call('HDEL', KEYS[1], told[place])
  end
end
if total > most then return 0 end
if own == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d@%.0f', own, now))
  redis.call('PEXPIRE', KEYS[1], lost * 2)
end
return 1
"""


class Quota:
    """The sockets in this process, by what they are counted as: a caller of one log.

    A log's epoch is its alone, also among instances that share a Redis.
    """

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()

    async def enter(self, counted_as: str) -> None:
        """One more. Raises `Closed` when the caller has as many as it may, and counts none then."""
        self._own[counted_as] += 1
        try:
            few = self._own[counted_as] <= MOST_SOCKETS
            if few and settings.CONTEXTSYS_REDIS_URL:
                few = await in_thread(self._claim, counted_as, MOST_SOCKETS)
            if not few:
                raise Closed(TOO_MANY, "too many sockets")
        except BaseException:
            self._forget(counted_as)
            raise

    def leave(self, counted_as: str) -> None:
        """One less; other processes hear of it in a moment."""
        self._forget(counted_as)
        if settings.CONTEXTSYS_REDIS_URL:
            task = asyncio.get_running_loop().create_task(self._tell([counted_as]))
            _telling.add(task)
            task.add_done_callback(_telling.discard)

    async def keep_telling(self) -> None:
        """Says again what this process has, until cancelled."""
        while settings.CONTEXTSYS_REDIS_URL:
            await asyncio.sleep(TELL_SECONDS)
            await self._tell(list(self._own))

    async def _tell(self, names: list[str]) -> None:
        for counted_as in names:
            # What is there already stays, however many they are.
            await in_thread(self._claim, counted_as, 2**53)

    def _forget(self, counted_as: str) -> None:
        self._own[counted_as] -= 1
        if self._own[counted_as] <= 0:
            del self._own[counted_as]

    def _claim(self, counted_as: str, most: int) -> bool:
        """Writes down how many the caller has here, unless those of all are more than `most`."""
        if not breaker.allows:
            return True
        key = f"contextsys:sockets:{counted_as}"
        own, lost = self._own[counted_as], int(LOST_SECONDS * 1000)
        try:
            connection = get_redis_connection()
            return bool(connection.eval(_CLAIM, 1, key, _process, own, most, lost))
        except Exception as error:
            breaker.failed()
            logger.warning("sockets are counted in this process only (%s)", type(error).__name__)
            return True
