"""For adapter authors and for users' own tests: kits, a virtual clock, faults and a PHI canary."""

from aegis_core._lazy import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aegis_core.testing.canary import PhiCanary as PhiCanary
    from aegis_core.testing.clock import VirtualClock as VirtualClock
    from aegis_core.testing.faults import Fault as Fault
    from aegis_core.testing.faults import Faults as Faults
    from aegis_core.testing.kit import BrokenHarness as BrokenHarness
    from aegis_core.testing.kit import Check as Check
    from aegis_core.testing.kit import Harness as Harness
    from aegis_core.testing.kit import HarnessFactory as HarnessFactory
    from aegis_core.testing.kit import KillReport as KillReport
    from aegis_core.testing.kit import Kit as Kit
    from aegis_core.testing.kit import KitReport as KitReport
    from aegis_core.testing.kit import NotChecked as NotChecked
    from aegis_core.testing.kit import NotKept as NotKept
    from aegis_core.testing.kit import Subject as Subject
    from aegis_core.testing.kit import expect as expect
    from aegis_core.testing.kit import expect_error as expect_error
    from aegis_core.testing.kit import kill_rate as kill_rate
    from aegis_core.testing.kit import pytest_cases as pytest_cases
    from aegis_core.testing.kit import run_kit as run_kit

__all__ = [
    "BrokenHarness",
    "Check",
    "Fault",
    "Faults",
    "Harness",
    "HarnessFactory",
    "KillReport",
    "Kit",
    "KitReport",
    "NotChecked",
    "NotKept",
    "PhiCanary",
    "Subject",
    "VirtualClock",
    "expect",
    "expect_error",
    "kill_rate",
    "pytest_cases",
    "run_kit",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "BrokenHarness": ".kit",
        "Check": ".kit",
        "Fault": ".faults",
        "Faults": ".faults",
        "Harness": ".kit",
        "HarnessFactory": ".kit",
        "KillReport": ".kit",
        "Kit": ".kit",
        "KitReport": ".kit",
        "NotChecked": ".kit",
        "NotKept": ".kit",
        "PhiCanary": ".canary",
        "Subject": ".kit",
        "VirtualClock": ".clock",
        "expect": ".kit",
        "expect_error": ".kit",
        "kill_rate": ".kit",
        "pytest_cases": ".kit",
        "run_kit": ".kit",
    },
)
