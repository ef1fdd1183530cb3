"""For pytest: ``clock``, ``faults``, ``phi_canary``, ``assert_no_phi``, ``outbox``, real servers, records of kits."""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aegis_core.testing.canary import PhiCanary, Place
    from aegis_core.testing.clock import VirtualClock
    from aegis_core.testing.faults import Faults
    from aegis_core.testing.no_phi import AssertNoPhi
    from aegis_core.testing.outbox import Outbox

pytest.register_assert_rewrite("aegis_core.testing.kits")

pytest_plugins = ["aegis_core.testing.servers.plugin", "aegis_core.testing.matrix.plugin"]


@pytest.fixture
def clock() -> "VirtualClock":
    """A clock that stands still: ``await clock.advance(days=30)``."""
    from aegis_core.testing.clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def faults(clock: "VirtualClock") -> "Faults":
    """Planned trouble: ``faults.add("email.send", nth=range(3, 9), kind="unavailable")``."""
    from aegis_core.testing.faults import Faults

    return Faults(clock=clock)


@pytest.fixture
def phi_canary(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> "PhiCanary":
    """A patient who does not exist; ``assert_absent()`` searches the log, ``tmp_path`` and what else it is handed."""
    from aegis_core.testing.canary import PhiCanary

    def elsewhere() -> "Mapping[str, Place]":
        return {"the log": caplog.text, str(tmp_path): tmp_path}

    return PhiCanary(elsewhere=elsewhere)


@pytest.fixture
def outbox() -> "Outbox":
    """An e-mail channel that keeps what it is given: ``NotificationHub([outbox], …)``, ``Aegis(email=outbox)``."""
    from aegis_core.testing.outbox import Outbox

    return Outbox()


_NO_PHI = pytest.StashKey["AssertNoPhi"]()


@pytest.fixture
def assert_no_phi(request: pytest.FixtureRequest, phi_canary: "PhiCanary", tmp_path: Path) -> "Iterator[AssertNoPhi]":
    """Fail the test if it wrote a value of ``phi_canary``: ``pytestmark = pytest.mark.usefixtures("assert_no_phi")``.

    Searched are captured stdout, stderr and log, warnings that were shown, and the files in ``tmp_path``, when the test
    function has ended; ``assert_no_phi(patient)`` adds the marked values of an object of your own. With ``-s`` pytest
    captures no output, and none is searched.
    """
    from aegis_core.testing.no_phi import AssertNoPhi

    checking = request.node.stash[_NO_PHI] = AssertNoPhi(phi_canary, tmp_path)
    with checking.listening():
        yield checking


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make of a test that wrote something of a patient one that failed."""
    report = yield
    checking = item.stash.get(_NO_PHI, None)
    if checking is not None and call.when == "call" and (found := checking.sightings(report)):
        told = "something of a patient was written:\n  " + "\n  ".join(found)
        if report.passed:
            report.outcome, report.longrepr = "failed", told
        else:
            report.sections.append(("assert_no_phi", told))
    return report
