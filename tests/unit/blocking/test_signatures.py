"""The blocking services have the names, parameters and values of the async ones: nothing is missing or differs."""

import collections.abc
import inspect
import typing

import pytest

from aegis_core import blocking
from aegis_core.app import Aegis
from aegis_core.audit.sealing import TrailKeys
from aegis_core.audit.trail import AuditTrail
from aegis_core.crypto.keyring import Keyring
from aegis_core.notifications.service import NotificationHub
from aegis_core.storage.listing import Listing
from aegis_core.storage.reader import ObjectReader
from aegis_core.storage.sealed import SealedReader
from aegis_core.storage.service import Storage

TWINS = {
    blocking.Storage: Storage,
    blocking.AuditTrail: AuditTrail,
    blocking.Keyring: Keyring,
    blocking.NotificationHub: NotificationHub,
    blocking.ObjectReader: ObjectReader,
    blocking.Listing: Listing,
    blocking.SealedReader: SealedReader,
}
#: What a blocking service does with `with` alone. (`Storage.open` reads an object.)
LIFETIME = {"open", "aclose"}
#: What becomes of a type on the way.
BECOMES = {**TWINS, TrailKeys: Keyring}


def public(kind):
    names = {name for base in kind.__mro__[:-1] for name in vars(base) if not name.startswith("_")}
    if kind in {AuditTrail, Keyring, NotificationHub}:
        names -= LIFETIME
    return names - ({"aclose", "around"} if kind not in TWINS.values() or kind is Storage else set())


def plain(annotation):
    """What a blocking method returns where the async one says this."""
    origin = typing.get_origin(annotation)
    if origin is collections.abc.AsyncIterator:
        return collections.abc.Iterator[typing.get_args(annotation)]
    return annotation


def parameters(function):
    hints = typing.get_type_hints(function)
    return [
        (
            parameter.name,
            parameter.kind,
            parameter.default,
            BECOMES.get(hints.get(parameter.name), hints.get(parameter.name)),
        )
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]


METHODS = [(twin, name) for twin, service in TWINS.items() for name in sorted(public(service))]


def test_there_is_something_to_compare():
    assert len(METHODS) > 25


@pytest.mark.parametrize("twin", TWINS, ids=lambda kind: kind.__name__)
def test_the_same_public_names(twin):
    assert public(twin) - LIFETIME == public(TWINS[twin]) - LIFETIME


@pytest.mark.parametrize(("twin", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_the_same_parameters_and_values(twin, name):
    mine, theirs = getattr(twin, name), getattr(TWINS[twin], name)
    if isinstance(theirs, property):
        assert isinstance(mine, property)
        mine, theirs = mine.fget, theirs.fget
    assert not inspect.iscoroutinefunction(mine)
    assert not inspect.isasyncgenfunction(mine)
    assert parameters(mine) == parameters(theirs)
    returned = typing.get_type_hints(mine)["return"]
    wanted = plain(typing.get_type_hints(theirs)["return"])
    assert BECOMES.get(returned, returned) == wanted


@pytest.mark.parametrize(
    "twin", [kind for kind in TWINS if issubclass(kind, blocking.facade.Facade)], ids=lambda kind: kind.__name__
)
def test_made_from_the_same_parameters(twin):
    assert parameters(twin.__init__) == parameters(TWINS[twin].__init__)


def test_iterators_and_context_managers_became_plain_ones():
    assert {"__enter__", "__exit__", "__iter__", "__next__"} <= set(dir(blocking.ObjectReader))
    assert {"__iter__", "__next__"} <= set(dir(blocking.Listing))
    for twin in TWINS:
        assert not {"__aenter__", "__anext__", "__aiter__"} & set(dir(twin))


def test_aegis_has_the_same_services():
    # How the async one is entered, and what wraps an application before anything is open.
    open_names = {"open", "lifespan", "blocking", "asgi", "wsgi"}
    names = {name for name in vars(Aegis) if not name.startswith("_")} - open_names
    assert names | {"closed"} == {name for name in vars(blocking.Aegis) if not name.startswith("_")}
    for name in ("get", "provide", "health"):
        mine = [parameter[:3] for parameter in parameters(getattr(blocking.Aegis, name))]
        assert mine == [parameter[:3] for parameter in parameters(getattr(Aegis, name))]
