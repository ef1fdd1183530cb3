"""Which text may leave the house: an allow list. Numbers may, unless their name is that of a marked field."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from aegis_core import Redaction
from aegis_core.marks import origin_of, summarize_statement

TEXT: Final = "[text]"

#: Names whose values Sentry's SDK and its integrations choose from words of their own, or read from the program.
CONSTANT: Final = frozenset(
    """
    cache.hit celery_task_id code.file.path code.filepath code.function code.function.name code.line.number code.lineno
    code.namespace db.collection.name db.driver.name db.name db.namespace db.operation db.operation.name db.system
    db.system.name http.method http.request.method http.response.status_code http.route http.status_code
    messaging.destination.name messaging.message.id messaging.operation.type messaging.system method middleware_name
    network.protocol.name network.protocol.version process.pid rpc.method rpc.service rpc.system
    sentry.environment sentry.op sentry.origin sentry.release sentry.sdk.name sentry.sdk.version
    sentry.sdk.integrations sentry.segment.id sentry.span.source server.address server.port status
    sentry.message.template thread.id thread.name logger.name
    """.split()
)
_ADDRESSES: Final = frozenset(("url", "http.url", "url.full"))
_OF_PERSONS: Final = ("user.", "sentry.message.parameter", "http.request.header.", "client.")
_STATEMENTS: Final = frozenset(("db.statement", "db.query.text"))


class Words:
    """The rule for one value under one name.

    Arguments:
        keep: names of texts of your own that may be sent, such as ``"tenant"``.
    """

    def __init__(self, keep: Collection[str] = ()) -> None:
        self._kept = CONSTANT | frozenset(keep)
        self._redaction = Redaction(keep=keep)

    def one(self, name: str, value: object, /, *, depth: int = 6) -> object:
        """What may be sent of a value."""
        if isinstance(value, Mapping) and "type" in value and "value" in value and not value.keys() - _ATTRIBUTE:
            return {**value, "value": self.one(name, value["value"], depth=depth - 1)}  # as logs and metrics write one
        if isinstance(value, Mapping):
            return self.all(value, depth=depth - 1) if depth > 0 else TEXT
        if isinstance(value, list | tuple):
            return [self.one(name, item, depth=depth - 1) for item in value] if depth > 0 else TEXT
        if name in _ADDRESSES:
            return origin_of(value) if isinstance(value, str) else TEXT
        if name in _STATEMENTS:
            return summarize_statement(value) if isinstance(value, str) else TEXT
        shown = self._redaction.value(name, value)
        if name not in CONSTANT:  # db.name is no patient's
            shown = self._redaction.value(name.rpartition(".")[2], shown)
        if isinstance(value, str) and shown is value and name not in self._kept:
            return TEXT
        return shown if shown is None or isinstance(shown, str | bool | int | float) else TEXT

    def all(self, values: Mapping[str, Any], /, *, depth: int = 6) -> dict[str, Any]:
        """What may be sent of a mapping."""
        return {str(name): self.one(str(name), value, depth=depth) for name, value in values.items()}

    def attributes(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """Those of a log line, a metric or a span that is sent by itself; what they say of persons is left out."""
        return self.all({name: value for name, value in values.items() if not name.startswith(_OF_PERSONS)})


_ATTRIBUTE: Final = frozenset(("type", "value", "unit"))
