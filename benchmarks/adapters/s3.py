"""S3 against boto3 and others, on SeaweedFS: small objects, a large one each way, and memory."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from typing import Any

import anyio
import boto3.session
from boto3.s3.transfer import TransferConfig

from aegis_core.crypto.keyring import Keyring
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_core.storage.model import Key
from aegis_core.storage.service import Storage
from aegis_core.testing.servers.catalogue import CATALOGUE
from aegis_core.testing.servers.server import Running
from aegis_s3.reach import Reach
from aegis_s3.storage import Rules, S3Storage
from benchmarks.rows import Row, on_asyncio

AREA = "adapters"
MIB = 1 << 20
AT_ONCE = 32
PART, PARALLEL = 8 * MIB, 4


def rows(quick: bool) -> Iterator[Row]:
    with Running(CATALOGUE["seaweedfs"]) as running:
        bench = Bench(running, quick=quick)
        yield from on_asyncio(bench.small)
        yield from on_asyncio(bench.large)
        yield bench.memory()


class Bench:
    def __init__(self, running: Running, *, quick: bool) -> None:
        facts = running.endpoint.facts
        self.url = running.endpoint.url
        self.key, self.secret, self.region = facts["access_key"], facts["secret_key"], facts["region"]
        self.session = boto3.session.Session(self.key, self.secret, region_name=self.region)
        # Its default client, as its own documentation uses it: shared by threads.
        self.boto: Any = self.session.client("s3", endpoint_url=self.url)
        self.boto.create_bucket(Bucket="bench")
        self.count = 300 if quick else 1000
        self.size = (64 if quick else 256) * MIB
        self.repeat = 3

    def store(self) -> S3Storage:
        return S3Storage(
            "bench",
            reach=Reach(endpoint=self.url, session=self.session),
            rules=Rules(names="flat", part_size=PART, parallel=PARALLEL),
        )

    async def small(self) -> list[Row]:
        body = os.urandom(10 * 1024)
        async with AsyncExitStack() as stack:
            store = self.store()
            await store.open()
            stack.push_async_callback(store.aclose)
            ring = await stack.enter_async_context(Keyring(MemoryVault(), MemoryState()))
            service = await stack.enter_async_context(Storage(self.store(), ring))
            pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))

            async def ours() -> None:
                async def one(number: int) -> None:
                    async with aclosing(store.write(Key(f"_/s/{number}"), replace=True)) as writer:
                        await writer.write(lambda: [body])
                        await writer.commit()

                await self.crowd(one)

            async def served() -> None:
                async def one(number: int) -> None:
                    await service.upload(f"s/{number}", body, replace=True)

                await self.crowd(one)

            async def boto() -> None:
                self.threads(pool, lambda n: self.boto.put_object(Bucket="bench", Key=f"boto/{n}", Body=body))

            calls: dict[str, Callable[[], Awaitable[None]]] = {"ours": ours, "service": served, "boto3": boto}
            minio = self.minio()
            if minio is not None:

                async def minio_() -> None:
                    self.threads(pool, lambda n: minio.put_object("bench", f"minio/{n}", io.BytesIO(body), len(body)))

                calls["minio"] = minio_
            obstore = self.obstore()
            if obstore is not None:
                import obstore as module

                async def obstore_() -> None:
                    await self.crowd(lambda n: module.put_async(obstore, f"obstore/{n}", body))

                calls["obstore"] = obstore_
            aio = await self.aioboto3(stack)
            if aio is not None:

                async def aioboto3_() -> None:
                    await self.crowd(lambda n: aio.put_object(Bucket="bench", Key=f"aioboto3/{n}", Body=body))

                calls["aioboto3"] = aioboto3_
            took = await self.wall(calls)
        peers: dict[str, float] = {name: took[name] for name in ("minio", "obstore", "aioboto3") if name in took}
        note = f"boto3: default client, {AT_ONCE} threads" + ("" if aio else "; aioboto3 is not installed here")
        name = f"s3 {self.count:,} × 10 KiB puts at {AT_ONCE}"
        return [
            Row(AREA, name, took["ours"], took["boto3"], target=0.8, peers=peers, note=note),
            Row(AREA, f"{name}, service", took["service"], took["boto3"], note="sealed and on top of the adapter"),
        ]

    async def large(self) -> list[Row]:
        body = os.urandom(MIB) * (self.size // MIB)
        store = self.store()
        await store.open()

        async def up() -> None:
            async with aclosing(store.write(Key("_/large"), replace=True)) as writer:
                for at in range(0, len(body), MIB):
                    await writer.write(lambda at=at: [memoryview(body)[at : at + MIB]])  # type: ignore[misc]
                await writer.commit()

        async def down() -> None:
            async with aclosing(store.read(Key("_/large"))) as reader:
                while await reader.read(len):
                    pass

        transfer = TransferConfig()

        async def boto_up() -> None:
            self.boto.upload_fileobj(io.BytesIO(body), "bench", "boto-large", Config=transfer)

        async def boto_down() -> None:
            self.boto.download_fileobj("bench", "boto-large", Nothing(), Config=transfer)

        ups: dict[str, Callable[[], Awaitable[None]]] = {"ours": up, "boto3": boto_up}
        downs: dict[str, Callable[[], Awaitable[None]]] = {"ours": down, "boto3": boto_down}
        obstore = self.obstore()
        if obstore is not None:
            import obstore as module

            async def obstore_up() -> None:
                await module.put_async(
                    obstore, "obstore-large", io.BytesIO(body), chunk_size=PART, max_concurrency=PARALLEL
                )

            async def obstore_down() -> None:
                found = await module.get_async(obstore, "obstore-large")
                async for _ in found.stream(min_chunk_size=MIB):
                    pass

            ups["obstore"], downs["obstore"] = obstore_up, obstore_down
        minio = self.minio()
        if minio is not None:

            async def minio_up() -> None:
                minio.put_object(
                    "bench", "minio-large", io.BytesIO(body), len(body), part_size=PART, num_parallel_uploads=PARALLEL
                )

            async def minio_down() -> None:
                answer = minio.get_object("bench", "minio-large")
                for _ in answer.stream(MIB):
                    pass
                answer.release_conn()

            ups["minio"], downs["minio"] = minio_up, minio_down
        took_up = await self.wall(ups)
        took_down = await self.wall(downs)
        await store.aclose()
        mib = self.size // MIB
        return [
            _row(f"s3 {mib} MiB up", took_up, 1.2, f"{PARALLEL} parts of 8 MiB at once; boto3: transfer manager"),
            _row(f"s3 {mib} MiB down", took_down, 1.0, "one stream; boto3: transfer manager, 10 threads"),
        ]

    def memory(self) -> Row:
        """Peak of a process that uploads, above one that has only opened the store."""
        peaks = [self._peak(size) for size in (0, self.size)]
        allowed = PART * PARALLEL
        return Row(
            AREA,
            "s3 memory of an upload",
            (peaks[1] - peaks[0]) / MIB,
            allowed / MIB,
            target=1.5,
            unit="MiB",
            note="peak above an opened store; limit: part size × concurrency",
        )

    def _peak(self, size: int) -> int:
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": self.region,
        }
        command = [sys.executable, "-c", _UPLOADER, self.url, str(size)]
        ended = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
        return int(ended.stdout)

    async def crowd(self, one: Callable[[int], Awaitable[object]]) -> None:
        numbers = iter(range(self.count))

        async def worker() -> None:
            for number in numbers:
                await one(number)

        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(worker)

    def threads(self, pool: ThreadPoolExecutor, one: Callable[[int], object]) -> None:
        for _ in pool.map(one, range(self.count)):
            pass

    async def wall(self, calls: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, float]:
        best = dict.fromkeys(calls, float("inf"))
        for turn in range(self.repeat + 1):
            for name, call in calls.items():
                started = time.perf_counter()
                await call()
                if turn:
                    best[name] = min(best[name], time.perf_counter() - started)
        return best

    def minio(self) -> Any:
        try:
            from minio import Minio
        except ImportError:
            return None
        return Minio(self.url.partition("://")[2], self.key, self.secret, secure=False, region=self.region)

    async def aioboto3(self, stack: AsyncExitStack) -> Any:
        try:
            import aioboto3
        except ImportError:
            return None
        session = aioboto3.Session(self.key, self.secret, region_name=self.region)
        return await stack.enter_async_context(session.client("s3", endpoint_url=self.url))

    def obstore(self) -> Any:
        try:
            from obstore.store import S3Store
        except ImportError:
            return None
        return S3Store(
            "bench",
            endpoint=self.url,
            access_key_id=self.key,
            secret_access_key=self.secret,
            region=self.region,
            client_options={"allow_http": True},
        )


class Nothing(io.RawIOBase):
    """A file that takes everything and keeps nothing."""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return offset

    def write(self, octets: Any, /) -> int:
        return len(octets)


_UPLOADER = """
import sys, anyio
from contextlib import aclosing
from aegis_s3.reach import Reach
from aegis_s3.storage import S3Storage, Rules

async def main(url, size):
    store = S3Storage("bench", reach=Reach(endpoint=url), rules=Rules(names="flat"))
    await store.open()
    piece = bytes(1 << 20)
    async with aclosing(store.write("_/memory", replace=True)) as writer:
        for _ in range(size >> 20):
            await writer.write(lambda: [piece])
        await writer.commit()
    await store.aclose()

anyio.run(main, sys.argv[1], int(sys.argv[2]))
# Not what getrusage says: that begins with the peak of the process that started this one.
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(line.split()[1]) * 1024)
"""


def _row(name: str, took: dict[str, float], target: float, note: str) -> Row:
    peers = {peer: seconds for peer, seconds in took.items() if peer not in {"ours", "boto3"}}
    return Row(AREA, name, took["ours"], took["boto3"], target=target, peers=peers, note=note)
