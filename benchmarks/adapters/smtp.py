"""E-mail through the pool next to smtplib on one reused connection, both to the same server."""

import smtplib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from statistics import median

import anyio

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.url import ServiceUrl
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.model import Rendered
from aegis_core.testing.servers.server import Running
from aegis_core.testing.servers.smtp import Smtp
from aegis_smtp import from_url
from benchmarks.rows import Row, on_asyncio

AREA = "adapters"
TO = "somchai.jaidee@patients.example"
TEXT = "Dear patient, your result is ready. Please open the clinic's page to read it.\n" * 12
AT_ONCE = 4


def rows(quick: bool) -> Iterator[Row]:
    with Running(Smtp(keeps=False)) as running:
        bench = Bench(running.endpoint.port, messages=40, rounds=15 if quick else 60)
        yield from on_asyncio(bench.run)


class Bench:
    def __init__(self, port: int, *, messages: int, rounds: int) -> None:
        self.port = port
        self.messages = messages
        self.rounds = rounds
        self.keys = 0

    async def run(self) -> list[Row]:
        channel = from_url(
            ServiceUrl.parse(f"smtp://127.0.0.1:{self.port}?from=clinic@mail.example&connections={AT_ONCE}"),
            AdapterDeps(),
        )
        await channel.open()
        message = Rendered(Classified(TO, PHI.EMAIL), "News", TEXT)
        octets = f"From: clinic@mail.example\r\nTo: {TO}\r\nSubject: News\r\n\r\n{TEXT}".replace("\n", "\r\n").encode()
        client = smtplib.SMTP("127.0.0.1", self.port)

        async def send(count: int) -> None:
            for _ in range(count):
                self.keys += 1
                sent = await channel.send(message, key=f"bench-{self.keys}")
                assert sent.status == "accepted"

        async def ours() -> None:
            await send(self.messages)

        async def ours_at_once() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(send, self.messages // AT_ONCE)

        async def reused() -> None:
            for _ in range(self.messages):
                client.sendmail("clinic@mail.example", [TO], octets)

        async def anew() -> None:
            for _ in range(self.messages // 4):
                with smtplib.SMTP("127.0.0.1", self.port) as each:
                    each.sendmail("clinic@mail.example", [TO], octets)

        took = await self.wall({"ours": ours, "at once": ours_at_once, "reused": reused, "anew": anew})
        client.quit()
        await channel.aclose()
        rate = {name: self.messages / seconds for name, seconds in took.items()}
        rate["anew"] /= 4
        reference, anew_rate = rate.pop("reused"), rate.pop("anew")
        return [
            Row(
                AREA,
                "smtp messages a second, one after another",
                rate["ours"],
                reference,
                target=0.7,
                better="higher",
                unit="1/s",
                peers={"smtplib reused": reference, "smtplib anew": anew_rate},
                note="composed, journal key and thread hop included; limit: smtplib's sendmail on one connection",
            ),
            Row(
                AREA,
                f"smtp messages a second, {AT_ONCE} at once",
                rate["at once"],
                reference,
                better="higher",
                unit="1/s",
                peers={"smtplib reused": reference},
                note="the server has one thread",
            ),
        ]

    async def wall(self, calls: Mapping[str, Callable[[], Awaitable[None]]]) -> dict[str, float]:
        """Seconds of each, in short turns; the median, since each waits for another process."""
        took: dict[str, list[float]] = {name: [] for name in calls}
        for turn in range(self.rounds + 1):
            for name, call in calls.items():
                began = time.perf_counter()
                await call()
                if turn:
                    took[name].append(time.perf_counter() - began)
        return {name: median(seconds) for name, seconds in took.items()}
