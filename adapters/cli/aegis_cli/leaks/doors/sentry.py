"""Sentry: what its events hold."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import SENTRY

_Options = dict[str, Any]

#: What `data_collection` collects unless it says otherwise: each entry, and what leaves nothing of it.
_COLLECTED: Final[Mapping[str, object]] = {
    "user_info": False,
    "cookies": {"mode": "off"},
    "http_headers": {"request": {"mode": "off"}},
    "url_query_params": {"mode": "off"},
    "graphql": {"document": False, "variables": False},
    "gen_ai": {"inputs": False, "outputs": False},
    "database_query_data": False,
    "queues": False,
}


def _options(application: Application) -> _Options | None:
    client = application.module("sentry_sdk").get_client()
    return client.options if client.is_active() else None


def _collection(options: _Options) -> Mapping[str, Any] | None:
    """What the application gave as ``data_collection``, with its defaults; it wins over the options before it."""
    collection = options.get("data_collection")
    return collection if isinstance(collection, Mapping) and collection.get("provided_by_user") else None


def _opening(application: Application, option: str, fix: str = "") -> Opening:
    return Opening(f"sentry_sdk.init, {option}", fix, *application.called("sentry_sdk.init"))


def _option(is_open: Callable[[_Options], bool], name: str) -> Callable[[Application], Iterable[Opening] | None]:
    def look(application: Application) -> Iterable[Opening] | None:
        options = _options(application)
        if options is None:
            return None
        return [_opening(application, name)] if is_open(options) else []

    return look


def local_variables(application: Application) -> Iterable[Opening] | None:
    """Frames with their variables; ``data_collection`` decides, where it is given."""
    options = _options(application)
    if options is None:
        return None
    collection = _collection(options)
    if collection is not None:
        return _collected(application, collection, {"stack_frame_variables": False})
    return [_opening(application, "include_local_variables")] if options["include_local_variables"] else []


def personal_data(application: Application) -> Iterable[Opening] | None:
    """Who asked, with which cookies, headers and queries."""
    options = _options(application)
    if options is None:
        return None
    collection = _collection(options)
    if collection is not None:
        return _collected(application, collection, _COLLECTED)
    return [_opening(application, "send_default_pii")] if options["send_default_pii"] else []


def bodies(application: Application) -> Iterable[Opening] | None:
    """Bodies of requests, which are sent whatever ``send_default_pii`` says."""
    options = _options(application)
    if options is None:
        return None
    collection = _collection(options)
    if options["max_request_body_size"] == "never" or (collection is not None and not collection["http_bodies"]):
        return []
    return [_opening(application, "max_request_body_size")]


def _collected(application: Application, collection: Mapping[str, Any], shut: Mapping[str, object]) -> list[Opening]:
    opened = [name for name in shut if _collects(collection.get(name, True))]
    fix = ", ".join(f'"{name}": {shut[name]}'.replace("'", '"') for name in opened)
    return [_opening(application, f"data_collection: {', '.join(opened)}", fix)] if opened else []


def _collects(entry: Any) -> bool:
    if not isinstance(entry, Mapping):
        return bool(entry)
    if "mode" in entry:
        return bool(entry["mode"] == "denylist")  # an allow list is a choice, name by name
    return any(_collects(inner) for inner in entry.values())


def _traces(options: _Options) -> bool:
    is_traced = options["traces_sample_rate"] is not None or options["traces_sampler"] is not None
    hook = "before_send_span" if options.get("trace_lifecycle") == "stream" else "before_send_transaction"
    return is_traced and options.get(hook) is None


def _logs(options: _Options) -> bool:
    experiments = options.get("_experiments") or {}
    is_sent = options.get("enable_logs") or experiments.get("enable_logs")
    return bool(is_sent) and not (options.get("before_send_log") or experiments.get("before_send_log"))


def _door(name: str, leaks: str, fix: str, look: Callable[[Application], Iterable[Opening] | None]) -> Door:
    return Door(f"sentry.{name}", ("sentry_sdk",), leaks, fix, look, Reach.SERVICES, SENTRY)


DOORS = (
    _door("locals", "local variables of every frame", "include_local_variables=False", local_variables),
    _door(
        "messages",
        "texts of exceptions and of log lines at ERROR, URLs of requests",
        "before_send=lambda event, hint: "
        '([each.update(value="") for each in event.get("exception", {}).get("values", ())], '
        'event.pop("logentry", None), event.pop("request", None), event)[-1]',
        _option(lambda options: options["before_send"] is None, "before_send"),
    ),
    _door(
        "personal-data", "users, addresses, cookies and headers of requests", "send_default_pii=False", personal_data
    ),
    _door("bodies", "bodies of requests", 'max_request_body_size="never"', bodies),
    _door(
        "breadcrumbs",
        "log lines, queries and URLs before an error",
        "max_breadcrumbs=0",
        _option(
            lambda options: bool(options["max_breadcrumbs"]) and not options["before_breadcrumb"], "max_breadcrumbs"
        ),
    ),
    _door(
        "traces",
        "URLs and statements of traced requests and their spans",
        "traces_sample_rate=None, traces_sampler=None",
        _option(_traces, "traces_sample_rate"),
    ),
    _door("logs", "log lines with their arguments", "enable_logs=False", _option(_logs, "enable_logs")),
)
