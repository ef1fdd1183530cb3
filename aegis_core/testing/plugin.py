"""For pytest: ``clock``, ``faults``, ``phi_canary``, real servers, records of kits; found where this is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aegis_core.testing.canary import PhiCanary, Place
    from aegis_core.testing.clock import VirtualClock
    from aegis_core.testing.faults import Faults

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
