"""``sentry_sdk.init`` with every door shut."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration, SentryLogsHandler

from aegis_core import AegisError, ErrorCode
from aegis_core.marks import redacting
from aegis_sentry.hooks import Hooks
from aegis_sentry.parts import pick

#: What would only be left out again: it need not be collected.
SHUT: Final[Mapping[str, object]] = {
    "include_local_variables": False,
    "include_source_context": False,
    "max_request_body_size": "never",
}
#: Off unless somebody turns them on; the first of them is deprecated for the second.
_OFF: Final = ("send_default_pii", "data_collection")
_PAST: Final = frozenset(("otlp",))  #: integrations that send something themselves, past every hook
_HOOKS: Final = (
    "before_send",
    "before_send_transaction",
    "before_breadcrumb",
    "before_send_log",
    "before_send_metric",
    "before_send_span",
)


def init(*, keep: Collection[str] = (), **options: Any) -> None:
    """Call ``sentry_sdk.init`` so that types and places are sent, and nothing of a patient.

    Hooks of your own are called first, and what they give is made anew like everything else.

    Arguments:
        keep: names of your tags, extras and attributes whose texts may be sent; without it numbers are, and texts not.
        options: those of ``sentry_sdk.init``.

    Raises:
        AegisError: ``invalid_argument``, if an option would open what this shuts.
    """
    opened = [name for name, value in SHUT.items() if options.get(name, value) != value]
    opened += [name for name in _OFF if options.pop(name, None) not in (None, False)]
    opened += [
        f"integrations: {each.identifier}" for each in options.get("integrations", ()) if each.identifier in _PAST
    ]
    if opened:
        raise AegisError(ErrorCode.INVALID_ARGUMENT, f"aegis_sentry.init keeps these as they are: {', '.join(opened)}")
    hooks = Hooks(keep)
    chained: dict[str, Any] = {
        name: _chained(options.get(name), getattr(hooks, name))
        for name in _HOOKS
        if name in DEFAULT_OPTIONS and (name != "before_send_span" or options.get("trace_lifecycle") == "stream")
    }
    shut: dict[str, Any] = {**options, **SHUT, **chained}
    sentry_sdk.init(**shut)
    client = sentry_sdk.get_client()
    # What is logged may be an object, and no hook is told that: a line of Sentry's own logs is text by then.
    logging = client.get_integration(LoggingIntegration)
    for handler in vars(logging).values() if logging is not None else ():
        if isinstance(handler, SentryLogsHandler):
            redacting(handler)
    transport = client.transport
    if transport is not None:
        transport.capture_envelope = _without_persons(transport.capture_envelope)  # type: ignore[method-assign, assignment]


def _without_persons(capture: Callable[[Envelope], None]) -> Callable[[Envelope], None]:
    """No hook is asked for a session, which names the user and what the user's browser is."""

    def capture_envelope(envelope: Envelope) -> None:
        for item in envelope.items:
            if item.type == "session" and isinstance(item.payload.json, dict):
                item.payload.json.pop("did", None)
                item.payload.json["attrs"] = pick(item.payload.json.get("attrs") or {}, ("release", "environment"))
        capture(envelope)

    return capture_envelope


def _chained(own: Callable[[Any, Any], Any] | None, ours: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    if own is None:
        return ours

    def both(value: Any, hint: Any) -> Any:
        try:
            value = own(value, hint)
        except Exception:  # noqa: BLE001 - the SDK goes on with what it had, and that has not been made anew
            return ours(value, hint)
        return None if value is None else ours(value, hint)

    return both
