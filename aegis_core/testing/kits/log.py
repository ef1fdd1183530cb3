"""The kit of the port `LogSink`. It drives logger and sink together: what counts is what lands on the medium.

Example:
    ::

        @asynccontextmanager
        async def jsonl() -> AsyncGenerator[LogHarness]:
            path = Path(folder, "app.jsonl")
            yield LogHarness(lambda: JsonLinesSink(path), path.read_bytes)

        print(run_kit(log_kit, jsonl))
"""

import json
import threading
from collections.abc import Callable
from typing import Annotated

import attrs

from aegis_core.kernel.adapter import Capabilities
from aegis_core.marks.canary import Canary
from aegis_core.marks.taxonomy import PHI
from aegis_core.observability.logger import Logger
from aegis_core.observability.port import LogSink
from aegis_core.testing.kit import Kit, expect

_NAME = "Xylophoniabcdefgh"
_MRN = "HN-7312998455"


@attrs.frozen
class _Patient:
    kit_mrn: Annotated[str, PHI.MRN]
    kit_name: Annotated[str, PHI.NAME]
    ward: str


class LogHarness:
    """Makes sinks over one medium and reads it back.

    Arguments:
        make: opens a sink; called again, another one over the same medium.
        written: every byte on the medium.
        logger: makes the logger that is driven.
        break_medium: makes the medium fail from now on; None where that can't be done.
    """

    capabilities = Capabilities()

    def __init__(
        self,
        make: Callable[[], LogSink],
        written: Callable[[], bytes],
        /,
        *,
        logger: Callable[[LogSink], Logger] = Logger,
        break_medium: Callable[[], None] | None = None,
    ) -> None:
        self.make = make
        self.written = written
        self.logger = logger
        self.break_medium = break_medium

    def lines(self) -> list[dict[str, object]]:
        """The lines on the medium, each of which must be a JSON object."""
        raw = self.written()
        expect(raw.endswith(b"\n") or not raw, "the last line ends in a newline")
        found = []
        for line in raw.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                expect(False, "every line is one whole JSON object")
        return found


log_kit: Kit[LogHarness] = Kit("log/1")


@log_kit.case
async def case_one_event_is_one_line(h: LogHarness) -> None:
    """One event is one whole line of JSON that ends in a newline, whatever its fields hold."""
    sink = h.make()
    log = h.logger(sink)
    log.info("first", note="two\nlines\r\n\u2028 and \x00 more", size=3)
    log.info("second", text="\ud800", number=10**30, ratio=float("nan"), thing=object())
    expect(sink.close(deadline=5.0) == 0, "nothing is lost")
    lines = h.lines()
    expect([line["event"] for line in lines] == ["first", "second"], "both events are there, in order")
    expect(lines[0]["note"] == "two\nlines\r\n\u2028 and \x00 more", "a field comes back as it was")


@log_kit.case
async def case_long_lines_stay_whole(h: LogHarness) -> None:
    """A line of 200 kB stays one line."""
    sink = h.make()
    h.logger(sink).info("long", note="x" * 200_000)
    sink.close(deadline=5.0)
    expect([len(str(line["note"])) for line in h.lines()] == [200_000], "the line is whole")


@log_kit.case
async def case_many_threads_share_a_sink(h: LogHarness) -> None:
    """Lines of many threads never mix, and none is lost at close."""
    sink = h.make()
    log = h.logger(sink)

    def work(number: int) -> None:
        bound = log.bind(worker=number)
        for turn in range(200):
            bound.info("turn", turn=turn, filler="y" * 300)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(sink.close(deadline=10.0) == 0, "close says that nothing was lost")
    seen = {(line["worker"], line["turn"]) for line in h.lines()}
    expect(len(seen) == 8 * 200, "all 1,600 lines are on the medium")


@log_kit.case
async def case_two_sinks_share_a_medium(h: LogHarness) -> None:
    """Two sinks over one medium, as in two processes, keep each other's lines whole."""
    first, second = h.make(), h.make()
    logs = [h.logger(first), h.logger(second)]
    for turn in range(100):
        logs[turn % 2].info("turn", turn=turn)
    lost = first.close(deadline=5.0) + second.close(deadline=5.0)
    expect(lost == 0, "nothing is lost")
    expect([line["turn"] for line in h.lines()] == list(range(100)), "all lines are there, in order")


@log_kit.case
async def case_no_canary_gets_through(h: LogHarness) -> None:
    """No marked value reaches the medium: as an object, a loose keyword, nested, or in an exception."""
    sink = h.make()
    log = h.logger(sink)
    patient = _Patient(_MRN, _NAME, "4B")
    log.info("admitted", patient=patient, kit_mrn=_MRN)
    log.bind(kit_name=_NAME).info("moved", beds=[{"patient": patient}])  # aegis: ignore[AEG002] - that is the question
    try:
        raise ValueError(_NAME, patient)  # aegis: ignore[AEG007] - that is the question
    except ValueError:
        log.exception("failed")
    sink.close(deadline=5.0)
    lines = h.lines()
    expect(len(lines) == 3, "all three lines are there")
    expect(not Canary([_MRN, _NAME]).find(h.written()), "no marked value stands in any encoding")
    expect(b'"4B"' in h.written(), "what is not marked is shown")


@log_kit.case
async def case_nothing_raises_in_the_caller(h: LogHarness) -> None:
    """Neither hostile values, nor a line after close, nor a broken medium raise in the caller."""

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        __str__ = __repr__

    sink = h.make()
    log = h.logger(sink)
    log.info("hostile", thing=Hostile(), nested={"deep": [Hostile()]})
    sink.close(deadline=5.0)
    log.info("late")
    expect([line["event"] for line in h.lines()][:1] == ["hostile"], "the event is written all the same")
    if h.break_medium is not None:
        broken = h.make()
        h.break_medium()
        h.logger(broken).info("lost")
        expect(broken.close(deadline=1.0) >= 1, "close counts the line that the medium did not take")


@log_kit.case
async def case_close_is_idempotent(h: LogHarness) -> None:
    """Closing twice is no error and loses nothing."""
    sink = h.make()
    h.logger(sink).info("only")
    expect(sink.close(deadline=1.0) == 0, "nothing is lost")
    expect(sink.close(deadline=1.0) == 0, "nor the second time")
    expect(len(h.lines()) == 1, "the line is there")
