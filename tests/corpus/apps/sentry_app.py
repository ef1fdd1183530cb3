"""Sentry's SDK, and every envelope that it would send."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

import aegis_sentry
from tests.corpus.apps.alone import carry_all
from tests.corpus.case import IS_BARE, Case
from tests.corpus.classes import SHAPES
from tests.corpus.errors import ERRORS
from tests.corpus.logs import set_up


class Envelopes(Transport):
    """Stands for the network."""

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep it."""
        with Path("envelopes").open("ab") as kept:
            kept.write(envelope.serialize() + b"\n")


set_up(Path.cwd())
log = logging.getLogger("clinic.tracked")  # by the tracker alone: what else is logged is another application's part
log.propagate = False
log.addHandler(logging.NullHandler())
(sentry_sdk.init if IS_BARE else aegis_sentry.init)(
    dsn="https://public@sentry.example/1",
    transport=Envelopes,
    release="1",
    traces_sample_rate=1.0,
    enable_logs=True,
    attach_stacktrace=True,
    auto_session_tracking=True,
)


def _captured(raising: Callable[[Case], None], case: Case) -> None:
    try:
        raising(case)
    except Exception as error:  # noqa: BLE001 - whatever was raised
        sentry_sdk.capture_exception(error)


def _scoped(name: str, *args: Any, **kwargs: Any) -> None:
    with sentry_sdk.new_scope() as scope:
        getattr(scope, name)(*args, **kwargs)
        sentry_sdk.capture_message("admitted")


def _in_a_transaction(work: Callable[[Any], None]) -> None:
    with sentry_sdk.start_transaction(op="task", name="admit") as admission:
        work(admission)


def _span(op: str, name: str) -> None:
    _in_a_transaction(lambda _: sentry_sdk.start_span(op=op, name=name).__enter__().finish())


def _breadcrumb(case: Case) -> None:
    sentry_sdk.add_breadcrumb(category="ward", message=f"looked for {case.value}", data={"who": case.value})
    sentry_sdk.capture_message("admitted")


def _session(case: Case) -> None:
    with sentry_sdk.isolation_scope() as scope:
        scope.set_user({"id": case.value})
        sentry_sdk.start_session()
        sentry_sdk.end_session()


def _in_a_thread(case: Case) -> None:
    thread = threading.Thread(target=ERRORS["KeyError"], args=(case,))
    thread.start()
    thread.join()


CARRIERS: Final[dict[str, Callable[[Case], None]]] = {
    **{f"raised: {form}": lambda case, of=raising: _captured(of, case) for form, raising in ERRORS.items()},
    "uncaught: in a thread": _in_a_thread,
    "tracker: user": lambda case: _scoped("set_user", {"username": case.value, "email": case.value}),
    "tracker: session": _session,
    "tracker: tag": lambda case: _scoped("set_tag", "who", case.value),
    "tracker: extra": lambda case: _scoped("set_extra", case.kind, {"who": [case.value]}),
    "tracker: context": lambda case: _scoped("set_context", "patient", {"who": case.value}),
    "tracker: fingerprint": lambda case: _scoped("__setattr__", "fingerprint", ["{{ default }}", case.value]),
    "tracker: attachment": lambda case: _scoped("add_attachment", bytes=case.value.encode(), filename=case.value),
    "tracker: breadcrumb": _breadcrumb,
    "tracker: line with %s": lambda case: log.error("no bed for %s", case.value, extra={"who": case.value}),
    "tracker: line with a marked object": lambda case: log.error("%s", SHAPES["attrs"](**{case.kind: case.value})),
    "tracker: Sentry's own log": lambda case: sentry_sdk.logger.warning("no bed for {who}", who=case.value),
    "tracker: metric": lambda case: sentry_sdk.metrics.count("beds", 2, attributes={"who": case.value}),
    "tracker: URL of a span": lambda case: _span("http.client", f"GET https://lab.example/{case.value}?q={case.value}"),
    "tracker: statement of a span": lambda case: _span("db", f"SELECT 1 FROM bed WHERE who = '{case.value}'"),
    "tracker: attribute of a span": lambda case: _in_a_transaction(lambda span: span.set_data("who", case.value)),
    "tracker: tag of a span": lambda case: _in_a_transaction(lambda span: span.set_tag("who", case.value)),
    "outside: text put together before": lambda case: log.error(f"no bed for {case.value}"),  # noqa: G004
}

if __name__ == "__main__":
    carry_all(CARRIERS)
    sentry_sdk.flush(10)
