"""Which calls write somewhere: logs, print, URLs, spans, files."""

import ast
import re
from typing import Final

from aegis_cli.lint.values import last_name

_LEVELS: Final = frozenset(
    "debug info warning warn error exception critical fatal log msg trace success notice".split()
)
_LOGGERS: Final = re.compile(r"(?:^|_)(?:log|logger|logging|lgr)$", re.IGNORECASE)
_MAKERS: Final = frozenset(("getLogger", "get_logger", "getChild", "bind", "new", "opt"))

_REQUESTS: Final = frozenset(
    "get post put patch delete head options request stream urlopen Request url_for redirect".split()
)
_ROUTES: Final = frozenset(
    "get post put patch delete head options route websocket api_route add_api_route add_url_rule path re_path".split()
)
_TELEMETRY: Final = frozenset(
    "set_attribute set_attributes add_event labels set_tag set_tags set_extra set_extras set_context set_user "
    "add_breadcrumb capture_message set_baggage".split()
)
_FILES: Final = frozenset(("open", "Path", "PurePath", "NamedTemporaryFile"))
_CACHES: Final = re.compile(r"(?:^|_)cache$", re.IGNORECASE)
_CACHE_CALLS: Final = frozenset("get set delete setex add incr get_or_set touch pop".split())

#: A placeholder of %-formatting, with the word before it, by which `install_logging` goes: "mrn=%s", "MRN #%s".
_PLACEHOLDER: Final = re.compile(
    r"(?:\b(?P<word>\w++)[^\w%.,;!?\n]{0,5}+)?%(?:\(\w+\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?(?P<kind>.)"
)


def is_log_call(call: ast.Call) -> bool:
    """Whether a call logs: a level's name on something that is called like a logger, or made by one."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _LEVELS:
        return False
    owner = call.func.value
    if isinstance(owner, ast.Call):
        return last_name(owner.func) in _MAKERS
    return bool(_LOGGERS.search(last_name(owner)))


def is_print(call: ast.Call) -> bool:
    """Whether a call prints."""
    match call.func:
        case ast.Name(id="print" | "pprint" | "pp"):
            return True
        case ast.Attribute(value=ast.Attribute(attr="stdout" | "stderr"), attr="write"):
            return True
        case _:
            return False


def is_telemetry(call: ast.Call) -> bool:
    """Whether a call puts something into a span, a metric or a report of an error."""
    return last_name(call.func) in _TELEMETRY


def is_request(call: ast.Call) -> bool:
    """Whether a call asks a server for something: its query is part of a URL."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in _REQUESTS


def is_place(call: ast.Call) -> bool:
    """Whether the first argument of a call names a file or an entry of a cache."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _FILES:
            return True
        case ast.Attribute(value=owner, attr=name) if name in _CACHE_CALLS:
            return bool(_CACHES.search(last_name(owner)))
        case _:
            return False


def route_of(call: ast.Call) -> str:
    """The path of a route that a call declares; empty if it declares none."""
    if last_name(call.func) in _ROUTES and call.args:
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value
    return ""


def in_route(path: str) -> list[str]:
    """Names that a route's path holds: ``{mrn}``, ``<str:mrn>``, ``(?P<mrn>…)``."""
    return re.findall(r"[{<](?:\w+:)?(\w+)(?::\w+)?[}>]", path)


def is_url(text: ast.expr) -> bool:
    """Whether a text that is put together looks like a URL or a path, by its constant parts."""
    match text:
        case ast.JoinedStr(values=[first, *rest]):
            parts = [part.value for part in (first, *rest) if isinstance(part, ast.Constant)]
            starts = isinstance(first, ast.Constant)
            return bool(parts) and _is_url(str(parts[0]) if starts else "", [str(part) for part in parts])
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            return is_url(left)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as first), attr="format")):
            return _is_url(first.partition("{")[0], [first.partition("{")[0]])
        case ast.Constant(value=str() as first):
            return _is_url(first, [first.partition("%")[0]])
        case _:
            return False


def _is_url(start: str, parts: list[str]) -> bool:
    if " " in start.strip():
        return False
    begins = bool(re.match(r"^(?:[a-z][a-z0-9+.-]*:)?//|^/[\w-]", start, re.IGNORECASE)) or start == "/"
    queries = any(re.search(r"[?&][\w.-]+=$", part) for part in parts)
    return begins or queries


def placeholders(message: str) -> list[str]:
    """The word before each placeholder of a message; empty where there is none."""
    return [found["word"] or "" for found in _PLACEHOLDER.finditer(message) if found["kind"] != "%"]
