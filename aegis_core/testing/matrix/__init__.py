"""The capability matrix: what each adapter was seen to do on each server, written by the kits that ran.

``pytest --aegis-records=FOLDER`` notes what became of each case, one file a process, and
``python -m aegis_core.testing.matrix FOLDER`` makes a page of it. In the matrix stands what has a `Subject`: authors of
adapters name one for each harness that they hand to `pytest_cases`.
"""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.testing.matrix.page import render as render
    from aegis_core.testing.matrix.records import Records as Records

__all__ = ["Records", "render"]

__getattr__, __dir__ = lazy(__name__, {"Records": ".records", "render": ".page"})
