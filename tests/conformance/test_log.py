"""The local log sinks keep the port's promises, and the kit rejects the known mistakes of sinks and loggers."""

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import pytest

from aegis_core.local.filesystem.log import ConsoleSink, JsonLinesSink
from aegis_core.local.memory.log import MemorySink
from aegis_core.marks.redaction import Redaction
from aegis_core.observability.logger import Logger
from aegis_core.testing.kit import Subject, kill_rate, pytest_cases
from aegis_core.testing.kits.log import LogHarness, log_kit


class SharedMemory(MemorySink):
    """Another sink over the same list of lines."""

    def __init__(self, lines):
        super().__init__()
        self.lines = lines


@asynccontextmanager
async def memory():
    lines = []
    yield LogHarness(lambda: SharedMemory(lines), lambda: b"".join(lines))


def folder_harness(tmp_path, kind, **options):
    @asynccontextmanager
    async def factory():
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        sinks = []

        def make():
            sinks.append(kind(path))
            return sinks[-1]

        def break_medium():
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, sinks[-1]._fd)
            os.close(writing)

        yield LogHarness(
            make, lambda: path.read_bytes() if path.exists() else b"", break_medium=break_medium, **options
        )

    return factory


@asynccontextmanager
async def console():
    with NamedTemporaryFile("ab") as file:
        path = Path(file.name)
        yield LogHarness(lambda: ConsoleSink(os.dup(file.fileno())), path.read_bytes)


@asynccontextmanager
async def jsonl():
    with TemporaryDirectory() as folder:
        async with folder_harness(Path(folder), JsonLinesSink)() as harness:
            yield harness


SINKS = {"memory": memory, "jsonl": jsonl, "console": console}


@pytest.mark.anyio
@pytest.mark.parametrize("check", pytest_cases(log_kit, SINKS, {name: Subject(name) for name in SINKS}))
async def test_local_log_sinks_keep_their_promises(check):
    await check()


class SplitsLines(JsonLinesSink):
    def write(self, line):
        for part in (line[: len(line) // 2] + b"\n", line[len(line) // 2 :]):
            super().write(part)


class WritesInTwoCalls(JsonLinesSink):
    def write(self, line):
        with self.path.open("ab", buffering=0) as file:
            file.write(line[:-1])
        os.sched_yield()
        super().write(b"\n")


class RaisesInTheCaller(JsonLinesSink):
    def put(self, line):
        if self._closed:
            raise ValueError("closed")
        if os.write(self._fd, line) != len(line):
            raise OSError


class RawLogger(Logger):
    def __init__(self, sink):
        super().__init__(sink)

        def info(event, /, **fields):
            try:
                sink.write(json.dumps({"event": event, **fields}, default=repr).encode() + b"\n")
            except Exception:  # noqa: BLE001
                sink.write(json.dumps({"event": event}).encode() + b"\n")

        self.__dict__["info"] = info
        self.__dict__["bind"] = lambda **fields: self


class RaisingLogger(Logger):
    def __init__(self, sink):
        super().__init__(sink)
        quiet = self.__dict__["info"]

        def info(event, /, **fields):
            str(fields)
            quiet(event, **fields)

        self.__dict__["info"] = info


class LosesAtClose(JsonLinesSink):
    def __init__(self, path):
        super().__init__(path)
        self._held = []

    def write(self, line):
        self._held.append(line)
        if len(self._held) >= 10:
            held, self._held = self._held, []
            super().write(b"".join(held))


def keeps_the_name(sink):
    return Logger(sink, redaction=Redaction(keep={"kit_name", "kit_mrn"}))


def test_the_kit_rejects_every_planted_bug(tmp_path, capsys):
    bugs = {
        "split line": folder_harness(tmp_path, SplitsLines),
        "line in two calls": folder_harness(tmp_path, WritesInTwoCalls),
        "raises in the caller": folder_harness(tmp_path, RaisesInTheCaller),
        "loses at close": folder_harness(tmp_path, LosesAtClose),
        "raw canary": folder_harness(tmp_path, JsonLinesSink, logger=RawLogger),
        "raw canary under a kept name": folder_harness(tmp_path, JsonLinesSink, logger=keeps_the_name),
        "logger raises in the caller": folder_harness(tmp_path, JsonLinesSink, logger=RaisingLogger),
    }
    report = kill_rate(log_kit, bugs)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
