"""The kits run on the portal, too: what stands behind `blocking` keeps the same promises there."""

import pytest

from aegis_core.blocking.portal import PORTAL
from aegis_core.testing.kit import pytest_cases
from aegis_core.testing.kits.audit import audit_kit
from aegis_core.testing.kits.keys import keys_kit
from aegis_core.testing.kits.notification import notification_kit
from aegis_core.testing.kits.state import state_kit
from aegis_core.testing.kits.storage import storage_kit
from tests.conformance import test_audit, test_keys, test_notification, test_state, test_storage
from tests.conformance.test_audit import HARNESSES
from tests.conformance.test_keys import VAULTS
from tests.conformance.test_notification import outbox
from tests.conformance.test_state import SOUND
from tests.conformance.test_storage import folder, memory

PLACES = {"memory", "file", "sqlite"}


def local(harnesses):
    return {name: factory for name, factory in harnesses.items() if name in PLACES}


KITS = [
    (storage_kit, {"memory": memory, "folder": folder}, test_storage.SUBJECTS),
    (audit_kit, local(HARNESSES), test_audit.SUBJECTS),
    (state_kit, local(SOUND), test_state.SUBJECTS),
    (keys_kit, local(VAULTS), test_keys.SUBJECTS),
    (notification_kit, {"outbox": outbox()}, test_notification.SUBJECTS),
]
CASES = [check for kit, harnesses, subjects in KITS for check in pytest_cases(kit, harnesses, subjects)]


@pytest.mark.parametrize("check", CASES)
def test_local_adapters_keep_their_promises_on_the_portal(check):
    if reason := PORTAL.run(check.run):
        pytest.skip(reason)


def test_every_port_has_a_place_to_run():
    assert all(harnesses for _, harnesses, _ in KITS)
    assert len(CASES) > 100
