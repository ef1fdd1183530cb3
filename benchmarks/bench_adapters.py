"""Adapters on their real servers: every file of ``benchmarks/adapters``. A missing server is a row that says so."""

import importlib
import pkgutil
from collections.abc import Iterator

from aegis_core.testing.servers.server import Missing, NotReady
from benchmarks import adapters
from benchmarks.rows import Row

AREA = "adapters"


def rows(quick: bool) -> Iterator[Row]:
    for found in pkgutil.iter_modules(adapters.__path__):
        try:
            module = importlib.import_module(f"benchmarks.adapters.{found.name}")
            yield from module.rows(quick)
        except (Missing, NotReady, ImportError) as error:
            yield Row(AREA, found.name, 0.0, note=f"not measured: {str(error).splitlines()[0]}")
