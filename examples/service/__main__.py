"""Run the service: ``python -m examples.service``. SIGTERM drains it; the exit code says how that went.

Exit codes: 0 everything was closed in time and nothing was lost; 1 not so; 2 settings; 3 integrity; 75 try again.
"""

import asyncio
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final, cast

import anyio
import uvicorn

from aegis_core import Aegis, AegisError, ErrorCode, SettingsError
from aegis_core.kernel.asgi import ASGIApp
from aegis_core.kernel.clock import SYSTEM_CLOCK
from aegis_core.marks import install_logging
from examples.service.app import Service
from examples.service.times import Times

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_INTACT: Final = 3
TRY_AGAIN: Final = 75

PORT: Final = 8080


class Server(uvicorn.Server):
    """uvicorn, ended by us: it would stop listening at the signal, and end by the signal instead of with a code."""

    def __init__(self, app: ASGIApp, times: Times, /) -> None:
        super().__init__(
            uvicorn.Config(
                cast("Any", app),  # uvicorn's own type has TypedDicts where the specification has mappings
                host="0.0.0.0",
                port=PORT,
                lifespan="off",
                ws="none",
                access_log=False,  # the application's own log has what may be known
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(times.request) + 1,
            )
        )
        self.stopped = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none: SIGTERM is ours."""
        yield

    async def run_here(self) -> None:
        """Serve until `stop`."""
        try:
            await self.serve()
        finally:
            self.stopped.set()

    async def stop(self) -> None:
        """Listen no longer, and let what runs finish."""
        self.should_exit = True
        await self.stopped.wait()


async def serve(times: Times, /) -> int:
    """Listen at once, open Aegis as soon as its servers are there, work until SIGTERM, drain."""
    aegis = Aegis(only=["log", "keys", "audit", "storage"])
    service = Service(aegis, times)
    server = Server(aegis.asgi(service), times)
    leaving = anyio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, leaving.set)

    async def give_up_starting() -> None:
        await leaving.wait()
        if service.state == "starting":
            tasks.cancel_scope.cancel()

    failure: AegisError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run_here)
        tasks.start_soon(give_up_starting)
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(server.stop)
                await _opened(aegis, stack, times)
                service.state = "open"
                aegis.log.info("service.open")
                await leaving.wait()
                service.state = "leaving"
                aegis.log.info("service.leaving")
                await SYSTEM_CLOCK.sleep(times.leave)
                await server.stop()
        except AegisError as error:
            failure = error  # kept, because a task group would wrap it
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    report = aegis.closed
    if report is None or report.is_clean:
        return OK
    _tell("service.closed", late=report.late, failed=dict(report.failed), lost_lines=report.lost_lines)
    return FAILED


async def _opened(aegis: Aegis, stack: AsyncExitStack, times: Times) -> None:
    """Open, as often as it takes while servers are away: the orchestrator's patience is the startup probe's."""
    while True:
        try:
            await stack.enter_async_context(aegis.open(close_deadline=times.close))
        except AegisError as error:
            if not error.retryable:
                raise
            _tell("service.waiting", code=error.code.value, adapter=error.adapter, reason=error.message)
            await SYSTEM_CLOCK.sleep(times.retry)
        else:
            return


def _tell(event: str, **facts: object) -> None:
    """One line while there is no log: before Aegis is open, and once it is closed."""
    print(json.dumps({"event": event, **facts}), file=sys.stderr, flush=True)


def main() -> int:
    """Run it, and turn what went wrong into a line and an exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    install_logging()
    try:
        return anyio.run(serve, Times.read(os.environ))
    except SettingsError as error:
        for problem in error.problems:
            _tell("service.settings", problem=str(problem))
        return USAGE
    except AegisError as error:
        _tell("service.failed", code=error.code.value, adapter=error.adapter, reason=error.message)
        if error.code is ErrorCode.INTEGRITY:
            return NOT_INTACT
        return TRY_AGAIN if error.retryable else FAILED


if __name__ == "__main__":
    sys.exit(main())
