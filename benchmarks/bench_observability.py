"""What a log line costs, beside the bare encoder and structlog at its fastest."""

import json
from collections.abc import Iterable
from typing import Annotated

import attrs
import orjson
import structlog

from aegis_core.marks import PHI, Pseudonym, Redaction
from aegis_core.observability.encoding import standard_encoder
from aegis_core.observability.logger import Logger
from benchmarks.rows import Row, interleaved

_BOUND = {
    "request_id": "0192f3a4-5b6c-7d8e-8f90-a1b2c3d4e5f6",
    "correlation_id": "0192f3a4-5b6c-7d8e-8f90-a1b2c3d4e5f7",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


@attrs.frozen
class _Patient:
    bench_mrn: Annotated[str, PHI.MRN]
    bench_name: Annotated[str, PHI.NAME]
    ward: str


class _Nowhere:
    """Takes lines and drops them."""

    def write(self, line: bytes, /) -> None:
        return None

    msg = debug = info = warning = error = write

    def close(self, *, deadline: float) -> int:
        return 0

    def noop(self, event: str, /, **fields: object) -> None:
        return None


def _record() -> dict[str, object]:
    return {
        "timestamp": "2026-11-24T08:14:03.123Z",
        "level": "info",
        "event": "admitted",
        "request_id": "0192f3a4-5b6c-7d8e-8f90-a1b2c3d4e5f6",
        "correlation_id": "0192f3a4-5b6c-7d8e-8f90-a1b2c3d4e5f7",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "patient": {"bench_mrn": "[phi.mrn]", "bench_name": "[phi.name]", "ward": "4B"},
    }


def rows(quick: bool) -> Iterable[Row]:
    """Lines with three bound ids, a stamp and an object with two marked fields."""
    sink = _Nowhere()
    patient = _Patient("HN-690001", "Somchai Jaidee", "4B")
    erased = Logger(sink).bind(**_BOUND)
    pseudonym = Logger(sink, redaction=Redaction({PHI.MRN: Pseudonym("k1", b"k" * 32)})).bind(**_BOUND)
    plain = Logger(sink, encoder=standard_encoder()).bind(**_BOUND)
    # structlog's documented fastest set-up, which redacts nothing: it is handed the fields that it can write.
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=lambda *_: sink,
    )
    peer = structlog.get_logger().bind(**_BOUND)
    figures = interleaved(
        {
            "erased": lambda: erased.info("admitted", patient=patient),
            "pseudonym": lambda: pseudonym.info("admitted", patient=patient),
            "plain": lambda: plain.info("admitted", patient=patient),
            "orjson": lambda: sink.write(orjson.dumps(_record())),
            "json": lambda: sink.write(json.dumps(_record(), ensure_ascii=False).encode()),
            "structlog": lambda: peer.info(
                "admitted",
                patient={"bench_mrn": patient.bench_mrn, "bench_name": patient.bench_name, "ward": patient.ward},
            ),
            "disabled": lambda: erased.debug("admitted", ward="4B", beds=3),
            "noop": lambda: sink.noop("admitted", ward="4B", beds=3),
        },
        number=5_000 if quick else 20_000,
        repeat=5 if quick else 9,
    )
    area = "observability"
    peers = {"structlog": figures["structlog"]}
    yield Row(area, "line, erased / orjson.dumps", figures["erased"], figures["orjson"], target=2.5, peers=peers)
    yield Row(area, "line, one pseudonym / orjson.dumps", figures["pseudonym"], figures["orjson"], target=3.3)
    yield Row(area, "line, standard library / json.dumps", figures["plain"], figures["json"], target=0.8)
    yield Row(
        area,
        "structlog's fastest / line, erased",
        figures["erased"],
        figures["structlog"],
        ratio=figures["structlog"] / figures["erased"],
        target=2.2,
        better="higher",
        note="structlog redacts nothing",
    )
    yield Row(area, "disabled level / empty method", figures["disabled"], figures["noop"], target=1.2)
