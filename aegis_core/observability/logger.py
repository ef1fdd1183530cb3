"""The logger: one line of JSON an event, marks honoured, bound fields encoded once.

What runs on every line is a closure over exactly what it needs; a disabled level is a function that does nothing.
"""

import sys
import time
from typing import Final, Literal, Protocol, TypeAlias

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.context import EMPTY, Context, context_variable
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.pending import Pending
from aegis_core.kernel.recorder import AuditEvent, Receipt, Recorder, Unrecorded
from aegis_core.marks.names import LEARNED
from aegis_core.marks.plans import SCALARS
from aegis_core.marks.redaction import Redaction
from aegis_core.observability.encoding import APPEND_NEWLINE, Encoder, as_text, best_encoder
from aegis_core.observability.exceptions import describe
from aegis_core.observability.port import LogSink

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")

#: An event's name is a constant: when more different ones than this were seen, new ones are written as DYNAMIC_EVENT.
MOST_EVENTS: Final = 2_000
DYNAMIC_EVENT: Final = "[dynamic event]"

_RESERVED: Final = frozenset({"timestamp", "level", "event", "exception"})
_MOST_CONTEXTS: Final = 512
_MILLISECONDS = tuple(b"%03dZ" % number for number in range(1000))


class _Emit(Protocol):
    def __call__(self, event: str, /, **fields: object) -> None: ...


def _nothing(event: str, /, **fields: object) -> None:
    """What a disabled level does."""


class Logger:
    """Writes events to a sink. Safe to use from any thread and any task; never raises.

    Precedence of names: a field of the call, then a bound field, then the context's (request id, purpose, subject …).
    A field called ``timestamp``, ``level``, ``event`` or ``exception`` gets an underscore behind its name.

    Arguments:
        sink: where lines go; borrowed, whoever made it closes it.
        level: what is less than this costs a call of an empty function.
        redaction: how classes are shown; by default all are erased.
        recorder: where `audit` goes.
        clock: for the time stamp: RFC 3339, UTC, milliseconds.
    """

    def __init__(
        self,
        sink: LogSink,
        /,
        *,
        level: Level = "info",
        redaction: Redaction | None = None,
        recorder: Recorder | None = None,
        clock: Clock = SYSTEM_CLOCK,
        metrics: Metrics = NO_METRICS,
        encoder: Encoder | None = None,
    ) -> None:
        lines = _Lines(sink, redaction or Redaction(), clock, metrics, encoder or best_encoder())
        self._set(lines, level, recorder or Unrecorded(), {})

    def _set(self, lines: "_Lines", level: Level, recorder: Recorder, bound: dict[str, object]) -> None:
        self._lines = lines
        self._level: Level = level
        self._recorder = recorder
        self._bound = bound
        enabled = LEVELS[LEVELS.index(level) :]
        for name in LEVELS:
            # An attribute of the instance hides the method of the class, and costs one look-up less than it.
            self.__dict__[name] = lines.emitter(name, bound) if name in enabled else _nothing

    def bind(self, **fields: object) -> "Logger":
        """Make a logger that adds these fields to every line; they are redacted and encoded here, once."""
        bound = self._bound | self._lines.redacted(fields)
        child = Logger.__new__(Logger)
        child._set(self._lines, self._level, self._recorder, bound)
        return child

    def debug(self, event: str, /, **fields: object) -> None:
        """Write a line of level debug."""
        raise NotImplementedError

    def info(self, event: str, /, **fields: object) -> None:
        """Write a line.

        Arguments:
            event: a constant that names what happened; data belongs into fields.
            fields: redacted by their marks, by learned names, and by type.
        """
        raise NotImplementedError

    def warning(self, event: str, /, **fields: object) -> None:
        """Write a line of level warning."""
        raise NotImplementedError

    def error(self, event: str, /, **fields: object) -> None:
        """Write a line of level error."""
        raise NotImplementedError

    def exception(self, event: str, /, exc: BaseException | None = None, **fields: object) -> None:
        """Write a line of level error with an exception: its types and places, no locals, no source, no text of others.

        Arguments:
            exc: by default the one that is being handled.
        """
        error = sys.exception() if exc is None else exc
        self._lines.write_exception(event, error, self._bound, fields)

    def audit(self, event: AuditEvent, /) -> Pending[Receipt]:
        """Put an event on the audit trail: never sampled, never a log line.

        Returns:
            What can be awaited for the receipt; unawaited the event is still recorded.
        """
        return self._recorder.submit(event)

    def with_recorder(self, recorder: Recorder, /) -> "Logger":
        """The same logger, with `audit` going to that recorder."""
        child = Logger.__new__(Logger)
        child._set(self._lines, self._level, recorder, self._bound)
        return child


def _renamed(fields: dict[str, object]) -> dict[str, object]:
    if _RESERVED.isdisjoint(fields):
        return fields
    return {f"{name}_" if name in _RESERVED else name: value for name, value in fields.items()}


class _Lines:
    """Makes lines and hands them to the sink; shared by a logger and all that are bound from it."""

    def __init__(self, sink: LogSink, redaction: Redaction, clock: Clock, metrics: Metrics, encoder: Encoder) -> None:
        self.write = sink.write
        self.redaction = redaction
        self.wall_ns = clock.wall_ns
        self.encoder = encoder
        self.events: dict[str, bytes] = {}
        self.contexts: dict[int, tuple[Context, dict[str, object]]] = {}
        self.count_dynamic = metrics.counter("aegis_log_dynamic_events_total")
        self.count_failed = metrics.counter("aegis_log_failed_lines_total")

    def redacted(self, fields: dict[str, object]) -> dict[str, object]:
        return _renamed(self.redaction.fields(fields))

    def event(self, event: str) -> bytes:
        """The event's name as JSON: a constant, kept; whatever else was given is redacted and not kept."""
        try:
            return self.events[event]
        except KeyError:
            if type(event) is not str:
                return self.encoder({"": self.redaction.value(None, event)})[4:-2]
            if len(self.events) >= MOST_EVENTS:
                self.count_dynamic(1)
                return self.encoder({"": DYNAMIC_EVENT})[4:-2]
            encoded = self.events[event] = self.encoder({"": event})[4:-2]
            return encoded

    def stamp(self, milliseconds: int) -> bytes:
        seconds = milliseconds // 1000
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)).encode()
        return b'{"timestamp":"' + text + _MILLISECONDS[milliseconds - seconds * 1000]

    def of_context(self, context: Context) -> dict[str, object]:
        """The context's fields as they are written; kept, because many lines are written in one context."""
        known = self.contexts.get(id(context))
        if known is not None and known[0] is context:
            return known[1]
        fields: dict[str, object] = {
            name: value
            for name in ("tenant", "operation", "request_id", "correlation_id", "trace_id")
            if (value := getattr(context, name))
        }
        if context.principal is not None:
            fields["principal"] = context.principal.id
        if context.purpose is not None:
            fields["purpose"] = context.purpose.value
        if context.subject is not None:
            fields["subject"] = self.redaction.value(None, context.subject)
        if len(self.contexts) >= _MOST_CONTEXTS:
            self.contexts.clear()
        # The context itself is kept beside its fields, so its id can't be another's meanwhile.
        self.contexts[id(context)] = (context, fields)
        return fields

    def emitter(self, level: Level, bound: dict[str, object]) -> _Emit:
        """The function that writes lines of one level with these bound fields."""
        write, dumps, redaction, wall_ns = self.write, self.encoder.dumps, self.redaction, self.wall_ns
        # The loop of `Redaction.fields` stands here once more: the call and the second dict were a tenth of a line.
        plans, hit, keep, learned = redaction.plans, redaction.hit, redaction.keep, LEARNED.get
        context_of, of_context, make_stamp, failed = context_variable.get, self.of_context, self.stamp, self.failed
        heads: dict[str, bytes] = {}
        level_bytes = b'","level":"' + level.encode() + b'","event":'
        bound_bytes = b"," + self.encoder(bound)[1:-2] if bound else b""
        taken = _RESERVED | bound.keys()
        last: tuple[int, bytes] = (-1, b"")

        def emit(event: str, /, **fields: object) -> None:
            nonlocal last
            try:
                try:
                    head = heads[event]
                except KeyError:
                    head = level_bytes + self.event(event) + bound_bytes + b","
                    if event in self.events:
                        heads[event] = head
                milliseconds = wall_ns() // 1_000_000
                known, stamp = last
                if known != milliseconds:
                    stamp = make_stamp(milliseconds)
                    last = (milliseconds, stamp)
                for key, value in fields.items():
                    data_class = learned(key)
                    if data_class is None or key in keep:
                        if type(value) not in SCALARS:
                            fields[key] = plans[type(value)](value, None)
                    else:
                        fields[key] = hit(key, value, data_class)
                context = context_of()
                if fields and context is EMPTY and taken.isdisjoint(fields):
                    try:
                        line = stamp + head + dumps(fields, as_text, APPEND_NEWLINE)[1:]
                    except Exception:  # noqa: BLE001 - logging never raises in the caller
                        line = stamp + head + self.encoder(fields)[1:]
                    write(line)
                else:
                    self.slow(level, event, stamp, of_context(context) | bound | _renamed(fields))
            except Exception:  # noqa: BLE001 - logging never raises in the caller
                failed(level)

        return emit

    def slow(self, level: Level, event: str, stamp: bytes, fields: dict[str, object]) -> None:
        """Write a line whose names collide: the dict settles it."""
        rest = b"," + self.encoder(fields)[1:] if fields else b"}\n"
        self.write(stamp + b'","level":"' + level.encode() + b'","event":' + self.event(event) + rest)

    def write_exception(
        self, event: str, error: BaseException | None, bound: dict[str, object], fields: dict[str, object]
    ) -> None:
        try:
            described: dict[str, object] = {"exception": describe(error)} if error is not None else {}
            context = self.of_context(context_variable.get())
            self.slow(
                "error",
                event,
                self.stamp(self.wall_ns() // 1_000_000),
                context | bound | self.redacted(fields) | described,
            )
        except Exception:  # noqa: BLE001 - logging never raises in the caller
            self.failed("error")

    def failed(self, level: str) -> None:
        """Say that a line could not be made. Nothing of what it held is written, and the caller goes on."""
        self.count_failed(1)
        try:
            stamp = self.stamp(self.wall_ns() // 1_000_000)
            self.write(stamp + b'","level":"' + level.encode() + b'","event":"[unloggable event]"}\n')
        except Exception:  # noqa: BLE001 - logging never raises in the caller
            self.count_failed(1)
