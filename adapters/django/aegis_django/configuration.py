"""The setting ``AEGIS``: read, checked, every problem at once, and never a value in a problem."""

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

import attrs
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from aegis_core import Aegis, DataClass, Principal, Problem, Purpose, SettingsError
from aegis_core.kernel import Part, Registry, Settings
from aegis_core.kernel.problems import did_you_mean

_NONE: Final[Mapping[str, Any]] = {}


def signed_in(request: HttpRequest, /) -> Principal | None:
    """Who acts, if nothing else is said: the user who is signed in, by the account's primary key."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    return Principal(str(user.pk), verified_by="django.contrib.auth")


@attrs.frozen
class Configuration:
    """What the setting ``AEGIS`` says.

    Arguments:
        principal: ``PRINCIPAL``: who acts, of a request; a dotted path. By default `signed_in`.
        purpose: ``PURPOSE``: why principals look at records here; a `Purpose`, or the dotted path of a function of a
            request that gives one.
        trusted: ``TRUSTED``: whether whoever sends requests may choose their ids, as a gateway of your own may.
        only: ``ONLY``: the parts that are used; None: all.
        variables: ``VARIABLES``: ``AEGIS_*`` for what the environment does not say.
        make: ``MAKE``: makes the `Aegis`, for templates, adapters and the like of your own; a dotted path.
        marks: ``MARKS``: ``"app.Model"`` → field → class, for models that are not yours.
    """

    principal: Callable[[HttpRequest], Principal | None] = signed_in
    purpose: Callable[[HttpRequest], Purpose] | None = None
    trusted: bool = False
    only: frozenset[Part] | None = None
    variables: Mapping[str, str] = attrs.field(default=_NONE, repr=False)
    make: Callable[[], Aegis] | None = None
    marks: Mapping[str, Mapping[str, DataClass]] = _NONE

    def environ(self) -> Mapping[str, str]:
        """The variables that hold: the environment wins."""
        return {**self.variables, **os.environ}

    def problems(self) -> Collection[Problem]:
        """What the variables get wrong, and a debug mode that has no place in production."""
        environ = self.environ()
        found: list[Problem] = []
        if self.make is None:
            found += Settings.examine(environ, only=self.only, registry=Registry())[1]
        if settings.DEBUG and environ.get("AEGIS_ENV") == "production":
            found.append(Problem("DEBUG", "must be False in production", "settings", "its pages show what was sent"))
        return found


def examine() -> tuple[Configuration, list[Problem]]:
    """What could be read of the setting, and what could not; nothing of the environment."""
    reader = _Reader(getattr(settings, "AEGIS", _NONE))
    return reader.configuration(), reader.problems


def configuration() -> Configuration:
    """The same for who needs it.

    Raises:
        SettingsError: with every problem of the setting.
    """
    configured, problems = examine()
    if problems:
        raise SettingsError(problems)
    return configured


class _Reader:
    def __init__(self, given: object) -> None:
        self.problems: list[Problem] = []
        self.given: Mapping[str, object] = _NONE
        if isinstance(given, Mapping):
            self.given = given
        else:
            self.problem("AEGIS", "must be a dictionary")

    def problem(self, setting: str, expected: str, hint: str = "") -> None:
        self.problems.append(Problem(setting, expected, "settings", hint))

    def configuration(self) -> Configuration:
        known = [field.name.upper() for field in attrs.fields(Configuration)]
        for name in self.given:
            if name not in known:
                self.problem(f'AEGIS["{name}"]', "is no setting", did_you_mean(str(name), known))
        return Configuration(
            principal=self.function("PRINCIPAL") or signed_in,
            purpose=self.purpose(),
            trusted=cast(bool, self.one_of(bool, "TRUSTED", "must be True or False", False)),
            only=self.only(),
            variables=self.variables(),
            make=self.function("MAKE"),
            marks=self.marks(),
        )

    def one_of(self, kind: type, name: str, expected: str, default: object) -> Any:
        value = self.given.get(name, default)
        if isinstance(value, kind):
            return value
        self.problem(f'AEGIS["{name}"]', expected)
        return default

    def function(self, name: str) -> Callable[..., Any] | None:
        path = self.given.get(name)
        if path is None:
            return None
        try:
            found = import_string(path) if isinstance(path, str) else None
        except ImportError:
            found = None
        if callable(found):
            return cast("Callable[..., Any]", found)
        self.problem(f'AEGIS["{name}"]', 'must be the dotted path of a function, as "clinic.access.who"')
        return None

    def purpose(self) -> Callable[[HttpRequest], Purpose] | None:
        given = self.given.get("PURPOSE")
        if not isinstance(given, Purpose):
            return self.function("PURPOSE")
        purpose: Purpose = given  # a purpose is a text, too: it is asked for first

        def always(request: HttpRequest) -> Purpose:
            return purpose

        return always

    def only(self) -> frozenset[Part] | None:
        if self.given.get("ONLY") is None:
            return None
        parts: tuple[Part, ...] = ("log", "keys", "audit", "storage", "notify")
        named = self.one_of(Collection, "ONLY", "must be a list", ())
        if isinstance(named, str) or not set(named) <= set(parts):
            self.problem('AEGIS["ONLY"]', f"must be a list of {', '.join(parts)}")
            return None
        return frozenset(named)

    def variables(self) -> Mapping[str, str]:
        given = self.one_of(Mapping, "VARIABLES", "must be a dictionary", _NONE)
        for name, value in given.items():
            if not str(name).startswith("AEGIS_") or not isinstance(value, str):
                self.problem('AEGIS["VARIABLES"]', "must map names that begin with AEGIS_ to texts")
                return _NONE
        return cast("Mapping[str, str]", given)

    def marks(self) -> Mapping[str, Mapping[str, DataClass]]:
        given = self.one_of(Mapping, "MARKS", "must be a dictionary", _NONE)
        for label, fields in given.items():
            if not isinstance(fields, Mapping) or not all(isinstance(one, DataClass) for one in fields.values()):
                self.problem(f'AEGIS["MARKS"]["{label}"]', "must map names of fields to classes, such as PHI.NAME")
                return _NONE
        return cast("Mapping[str, Mapping[str, DataClass]]", given)
