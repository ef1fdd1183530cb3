"""The pytest half of the matrix: ``--aegis-records=FOLDER`` notes what was planned and what became of it."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from aegis_core.testing.kit import Check
    from aegis_core.testing.matrix.records import Instead, Ran

_MARKER: Final = "instead_of"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest` calls this."""
    parser.getgroup("aegis").addoption(
        "--aegis-records",
        metavar="FOLDER",
        default=None,
        help="note there what became of each case of a kit, for `python -m aegis_core.testing.matrix FOLDER`",
    )


def pytest_configure(config: pytest.Config) -> None:
    """`pytest` calls this."""
    config.addinivalue_line("markers", f"{_MARKER}(server, *gaps): looks at what this server for tests does not")
    config.addinivalue_line("markers", "matrix: takes part in the capability matrix, in a run with --aegis-records")
    folder = config.getoption("--aegis-records")
    if folder:
        config.pluginmanager.register(Recorder(Path(folder)), "aegis-records")


class Recorder:
    """Writes the records of this process."""

    def __init__(self, folder: Path, /) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{os.getpid()}.jsonl"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """All that was found counts as planned, also what ``-k`` leaves out; ``-m matrix`` keeps just that."""
        for item in items:
            if planned := _records(item, "planned"):
                item.add_marker("matrix")
                self._write(planned)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What never came to its call, for want of a server, has no outcome."""
        report = yield
        if report.when == "call":
            self._write(_records(item, report.outcome))
        return report

    def _write(self, records: "list[Ran | Instead]") -> None:
        from aegis_core.testing.matrix.records import as_line

        with self._file.open("a", encoding="utf-8") as file:
            file.write("".join(map(as_line, records)))


def _records(item: pytest.Item, outcome: Any) -> "list[Ran | Instead]":
    from aegis_core.testing.kit import Check
    from aegis_core.testing.matrix.records import Instead

    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    found: list[Ran | Instead] = [
        _ran(check, str(parameters.get("anyio_backend", "blocking")), outcome)
        for check in parameters.values()
        if isinstance(check, Check) and check.subject is not None
    ]
    test, _, way = item.nodeid.partition("[")
    for marker in item.iter_markers(_MARKER):
        server, *gaps = marker.args
        found += [Instead(server, gap, test, way, outcome) for gap in gaps]
    return found


def _ran(check: "Check[Any]", backend: str, outcome: Any) -> "Ran":
    from aegis_core.testing.matrix.records import Ran
    from aegis_core.testing.servers.catalogue import CATALOGUE

    subject, case = check.subject, check.case
    assert subject is not None
    known = CATALOGUE.get(subject.server)
    return Ran(
        kit=check.kit.name,
        case=case.name,
        place=[each.name for each in check.kit.cases].index(case.name),
        promise=case.promise,
        adapter=subject.adapter,
        server=subject.server if known is None else known.product(),
        options=subject.options,
        backend=backend,
        outcome=outcome,
        needs=case.needs,
        without=case.without,
        shows=case.shows,
        declared={} if outcome == "planned" else dict(check.declared),
        emulated=dict(subject.emulated),
    )
