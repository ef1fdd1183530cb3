"""The services of the process, without ``await``: ``from aegis_django import aegis``."""

import threading
from typing import Final, cast

from django.utils.functional import SimpleLazyObject

from aegis_core import Aegis, SettingsError
from aegis_core.blocking import PerProcess
from aegis_core.kernel import Registry, Settings
from aegis_django.configuration import configuration

_lock: Final = threading.Lock()
_made: list[PerProcess] = []


def make() -> Aegis:
    """An `Aegis` as the settings and the environment say it; not open.

    Raises:
        SettingsError: with every problem at once.
    """
    configured = configuration()
    problems = configured.problems()
    if problems:
        raise SettingsError(tuple(problems))
    if configured.make is not None:
        return configured.make()
    settings = Settings.read(configured.environ(), only=configured.only, registry=Registry())
    return Aegis(settings, only=configured.only)


def _per_process() -> PerProcess:
    with _lock:  # two threads that come first must not open two
        if not _made:
            _made.append(PerProcess(make()))
        return _made[0]


aegis: Final = cast(PerProcess, SimpleLazyObject(_per_process))
"""One open `Aegis` a process: opened at its first use, anew in a forked worker, closed at exit.

It is made at that first use, too, so that any module may import it, a settings module's neighbour or ``models.py``.
On the thread of an event loop its services refuse; there is ``aegis_django.asgi`` for that.
"""
