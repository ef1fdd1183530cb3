"""Sentry: what its events hold."""

from collections.abc import Callable, Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening


def _option(is_open: Callable[[dict[str, Any]], bool], name: str) -> Callable[[Application], Iterable[Opening] | None]:
    def look(application: Application) -> Iterable[Opening] | None:
        client = application.module("sentry_sdk").get_client()
        if not client.is_active():
            return None
        return [Opening(f"sentry_sdk.init, {name}")] if is_open(client.options) else []

    return look


DOORS = (
    Door(
        "sentry.locals",
        ("sentry_sdk",),
        "local variables of every frame",
        "include_local_variables=False",
        _option(lambda options: bool(options["include_local_variables"]), "include_local_variables"),
    ),
    Door(
        "sentry.messages",
        ("sentry_sdk",),
        "texts of exceptions and of log lines at ERROR",
        "before_send=lambda event, hint: "
        '([each.update(value="") for each in event.get("exception", {}).get("values", ())], '
        'event.pop("logentry", None), event)[-1]',
        _option(lambda options: options["before_send"] is None, "before_send"),
    ),
    Door(
        "sentry.personal-data",
        ("sentry_sdk",),
        "users, addresses, cookies and headers of requests",
        "send_default_pii=False",
        _option(lambda options: bool(options["send_default_pii"]), "send_default_pii"),
    ),
    Door(
        "sentry.bodies",
        ("sentry_sdk",),
        "bodies of requests",
        'max_request_body_size="never"',
        _option(lambda options: options["max_request_body_size"] != "never", "max_request_body_size"),
    ),
    Door(
        "sentry.breadcrumbs",
        ("sentry_sdk",),
        "log lines, queries and URLs before an error",
        "max_breadcrumbs=0",
        _option(
            lambda options: bool(options["max_breadcrumbs"]) and not options["before_breadcrumb"], "max_breadcrumbs"
        ),
    ),
)
