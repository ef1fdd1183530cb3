"""Wait for what is away: it is asked again, ever less often, until it answers."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.observability.logger import Logger

T = TypeVar("T")

#: Seconds for which one piece of work waits before the morning is broken off.
LONGEST_WAIT: Final = 60.0

#: Seconds between two tries where the error does not say, doubled each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
#: What passes. Everything here may be done again, so what may or may not have happened is done again, too.
_PASSES: Final = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED})
#: The first word of an operation, and who failed.
_WHO: Final = {
    "audit": "trail",
    "keyring": "keys",
    "lab": "lab",
    "notifications": "journal of letters",
    "state": "state store",
    "storage": "store",
    "vault": "keys",
}
#: What is said of whom, where it is not that they can't be reached.
_SAID: Final = {"lab": "the lab can't take results", "mail": "letters can't go out"}


def passes(error: Exception, /) -> bool:
    """Whether what failed may work later."""
    return isinstance(error, AegisError) and (error.retryable or error.code in _PASSES)


class Waiting:
    """Does pieces of work that may be done twice, each until it is done.

    Arguments:
        log: gets the code of each failure that is waited out.
    """

    def __init__(self, log: Logger, /) -> None:
        self._log = log
        self._away = "service"
        #: Told why nothing moves.
        self.note: Callable[[str], None] = lambda _: None
        #: How often work waited, by for whom.
        self.waits: Counter[str] = Counter()

    async def until_done(self, work: Callable[[], Awaitable[T]], /) -> T:
        """Do it, and where a service can't be reached, wait and do it again.

        Raises:
            AegisError: what does not pass; what passes, after `LONGEST_WAIT` seconds.
        """
        gives_up = anyio.current_time() + LONGEST_WAIT
        pause = _FIRST_PAUSE
        failure: AegisError | None = None
        while True:
            try:
                return await work()
            except AegisError as error:
                if not passes(error):
                    raise
                if error.operation != "breaker.acquire":  # that one says only that others have failed
                    failure = error
                    self._away = _WHO.get(error.operation.partition(".")[0], self._away)
                if anyio.current_time() > gives_up:
                    raise failure or error from None
                self.say(self._away)
                self._log.debug("work waits", code=error.code.value, operation=error.operation)
                await anyio.sleep(error.retry_after or pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def say(self, away: str, /) -> None:
        """Say for whom work waits, and count it."""
        self.waits[away] += 1
        said = _SAID.get(away, f"the {away} can't be reached")
        self.note(f"{said}: waiting")
