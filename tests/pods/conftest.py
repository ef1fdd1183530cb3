"""Pods for tests. Where a machine allows none they are skipped, visibly; in CI they must run."""

import itertools
import os

import pytest

from aegis_core.kernel.files import filesystem_of
from tests.pods.manifest import container
from tests.pods.pod import Pod, not_possible

SECRETS = {"records": {"vault-passphrase": "correct horse battery staple\n"}}


@pytest.fixture(scope="session")
def _possible(tmp_path_factory):
    reason = not_possible()
    under = filesystem_of(tmp_path_factory.getbasetemp())
    if not reason and under.kind != "local":
        reason = f"volumes would lie on {under.name}, which is refused in production: name a disk with --basetemp"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture
def make_pod(_possible, tmp_path):
    numbers = itertools.count()
    made = []
    tmp_path.chmod(0o755)

    def make(**options):
        folder = tmp_path / f"pod-{next(numbers)}"
        folder.mkdir()
        folder.chmod(0o755)
        made.append(Pod(folder, **{"secrets": SECRETS, **options}))
        return made[-1]

    yield make
    for pod in made:
        pod.close()


@pytest.fixture
def pod(make_pod):
    return make_pod()


@pytest.fixture
def service():
    """The container of the manifest with volumes."""
    return container("volume", "StatefulSet")


@pytest.fixture
def job():
    return container("volume", "CronJob")
