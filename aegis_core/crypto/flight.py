"""One call in flight a name: who asks for what is being fetched waits for that call."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class _Flight(Generic[T]):
    __slots__ = ("answers", "error", "landed")

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.answers: list[T] = []
        self.error: Exception | None = None


class SingleFlight(Generic[T]):
    """Shares calls by name between the tasks of one event loop; not safe from several threads."""

    __slots__ = ("_flights",)

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, name: str, call: Callable[[], Awaitable[T]], /) -> T:
        """Give what ``call`` gives, or what the same call that is under way gives.

        Its error goes to everyone who waits. When the task that makes the call is cancelled, one who waits makes it
        anew.
        """
        while (flight := self._flights.get(name)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.answers:
                return flight.answers[0]
        flight = self._flights[name] = _Flight()
        try:
            answer = await call()
        except Exception as error:
            flight.error = error
            raise
        else:
            flight.answers.append(answer)
            return answer
        finally:
            del self._flights[name]
            flight.landed.set()
