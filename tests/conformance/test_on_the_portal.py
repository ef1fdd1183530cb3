"""The kits run on the portal, too: what stands behind `blocking` keeps the same promises there."""

import pytest

from aegis_core.blocking.portal import PORTAL
from aegis_core.testing.kits.audit import audit_kit
from aegis_core.testing.kits.keys import keys_kit
from aegis_core.testing.kits.notification import notification_kit
from aegis_core.testing.kits.state import state_kit
from aegis_core.testing.kits.storage import storage_kit
from tests.conformance.test_audit import HARNESSES
from tests.conformance.test_keys import VAULTS
from tests.conformance.test_notification import outbox
from tests.conformance.test_state import SOUND
from tests.conformance.test_storage import folder, memory

PLACES = {"memory", "file", "sqlite"}


def local(harnesses):
    return {name: factory for name, factory in harnesses.items() if name in PLACES}


KITS = {
    "storage": (storage_kit, {"memory": memory, "file": folder}),
    "audit": (audit_kit, local(HARNESSES)),
    "state": (state_kit, local(SOUND)),
    "keys": (keys_kit, local(VAULTS)),
    "notification": (notification_kit, {"outbox": outbox()}),
}
CASES = [
    pytest.param(case, factory, id=f"{port}-{place}-{case.name}")
    for port, (kit, harnesses) in KITS.items()
    for place, factory in harnesses.items()
    for case in kit.cases
]


@pytest.mark.parametrize(("case", "factory"), CASES)
def test_local_adapters_keep_their_promises_on_the_portal(case, factory):
    if reason := PORTAL.run(lambda: case.check(factory)):
        pytest.skip(reason)


def test_every_port_has_a_place_to_run():
    assert all(harnesses for _, harnesses in KITS.values())
    assert len(CASES) > 100
