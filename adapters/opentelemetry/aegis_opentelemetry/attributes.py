"""What may be told of attributes, by their names: those of marked fields, and those of the semantic conventions."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.sdk.resources import Resource

from aegis_core import Redaction
from aegis_core.marks import origin_of, summarize_statement

#: Of the semantic conventions: what a client sent, what a person is called by, what a library quotes.
_ERASED: Final = frozenset(
    """
    app.installation.id aws.s3.copy_source aws.s3.key cache.key client.address cloudevents.event_subject
    container.command_args container.command_line destination.address device.id enduser.id enduser.pseudo.id
    error.message exception.message faas.document.name feature_flag.context.id feature_flag.error.message
    feature_flag.evaluation.error.message file.directory file.name file.owner.name file.path
    file.symbolic_link.target_path gen_ai.conversation.id graphql.document http.client_ip
    http.request.method_original http.user_agent log.record.original mcp.session.id
    messaging.gcp_pubsub.message.ordering_key messaging.kafka.message.key messaging.message.conversation_id
    messaging.rocketmq.message.keys net.peer.ip net.sock.peer.addr network.peer.address otel.status_description
    process.command process.command_args process.command_line rpc.jsonrpc.error_message session.id
    session.previous_id source.address url.fragment url.query user_agent.original
    """.split()
)
_ERASED_BELOW: Final = (
    *("db.query.parameter.", "db.operation.parameter.", "db.elasticsearch."),
    *("http.request.header.", "http.response.header.", "http.request.body", "http.response.body"),
    *("rpc.request.metadata.", "rpc.response.metadata.", "rpc.grpc.request.metadata.", "rpc.grpc.response.metadata."),
    *("rpc.connect_rpc.request.metadata.", "rpc.connect_rpc.response.metadata."),
    *("gen_ai.input", "gen_ai.output", "gen_ai.prompt", "gen_ai.completion", "gen_ai.system_instructions"),
    *("gen_ai.retrieval.", "gen_ai.tool.call", "geo.", "tls.client.", "user."),
)
#: What the conventions call programs, tables and machines by, however many persons have a field of that name.
_OF_PROGRAMS: Final = re.compile(
    r"(?:aws|azure|cicd|cloud|code|container|db|deployment|faas|feature_flag|gcp|gen_ai|graphql|host|http|k8s|messaging|net"
    r"|network|os|otel|process|rpc|server|service|telemetry|thread|vcs|webengine)\.(?:\w+\.)*(?:id|name|type|version)"
)
_ADDRESSES: Final = frozenset(("browser.document.url.full", "http.url", "url.full", "url.original"))
_PATHS: Final = frozenset(("http.target", "url.path"))
_STATEMENTS: Final = frozenset(("db.statement", "db.query.text"))
_STACK: Final = "exception.stacktrace"
_PLACE: Final = re.compile(r'[ |]*  File "(.+)", line \d+, in [\w<>.]+')
ERASED: Final = "[erased]"
URL: Final = "[url]"


class Attributes:
    """The rule for attributes of spans, events, links, log records and resources.

    Arguments:
        redaction: rules for the classes of marked fields, and names that are shown all the same.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._resource: tuple[Resource | None, Resource | None] = (None, None)

    def __call__(self, attributes: Mapping[str, Any] | None, /) -> dict[str, Any]:
        """What may be told of them: a new dict."""
        if not attributes:
            return {}
        route = attributes.get("http.route")
        told = ((name, self._one(name, value, route)) for name, value in attributes.items())
        return {name: tuple(value) if isinstance(value, list) else value for name, value in told}

    def _one(self, name: str, value: Any, route: object) -> Any:
        if name in self._redaction.keep:
            return value
        if name in _ERASED or name.startswith(_ERASED_BELOW):
            return ERASED
        if name in _PATHS:
            return route if isinstance(route, str) else URL
        if name in _ADDRESSES:
            return origin_of(str(value)) + (route if isinstance(route, str) else "")
        if name in _STATEMENTS:
            return summarize_statement(str(value))
        if name == _STACK:
            return places(str(value))
        shown = self._redaction.value(name, value)
        if shown is not value or _OF_PROGRAMS.fullmatch(name):
            return shown
        return self._redaction.value(name.rpartition(".")[2], value)

    def resource(self, resource: Resource, /) -> Resource:
        """What may be told of a resource, such as of the command line of the process. It is the same of every span."""
        known, told = self._resource
        if known is not resource or told is None:
            told = Resource(self(resource.attributes), resource.schema_url)
            self._resource = (resource, told)
        return told

    def name(self, name: str, attributes: Mapping[str, Any] | None, /) -> str:
        """A span's name, unless an instrumentation made it of what was asked for."""
        attributes = attributes or {}
        if "asgi.event.type" in attributes and "/" in name:  # "GET /patients/7 http send", and no route
            return " ".join([*name[: name.index("/")].split(), URL, *name.split(" ")[-2:]])
        method = attributes.get("http.request.method", attributes.get("http.method"))
        if method is not None and ("/" in name or "?" in name):
            return " ".join(filter(None, (str(method), attributes.get("http.route"))))
        statement = next((attributes[each] for each in _STATEMENTS if each in attributes), None)
        return summarize_statement(name) if statement is not None and str(statement).startswith(name) else name


def places(stacktrace: str, /) -> str:
    """The lines of a traceback that name a place in a module that is loaded; no message, no line of source."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    told = []
    for line in stacktrace.splitlines():
        place = _PLACE.fullmatch(line)
        if place and place[1] in files:
            told.append(line)
    return "\n".join(["Traceback (most recent call last; messages are withheld):", *told])
