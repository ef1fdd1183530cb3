"""Real servers in pytest: ``--aegis-servers``, fixtures that start them, and a table at the end that says which ran.

Loaded with `aegis_core.testing.plugin`. A test asks for ``postgres_server`` (and so on, one fixture a server) or calls
``aegis_server("postgres")``; it gets a `Running`, started once per process and ended with it. A test that kills, pauses
or fills a server calls ``aegis_own_server("postgres")`` and has one for itself.
"""

import os
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from aegis_core.testing.servers.pool import Fact, Pool
    from aegis_core.testing.servers.server import Running

_VARIABLE: Final = "AEGIS_SERVERS"
_pool: "pytest.StashKey[Pool]" = pytest.StashKey()
_facts: "pytest.StashKey[list[Fact]]" = pytest.StashKey()
_HANDED_OVER: Final = "aegis_servers"
_SHOWN: Final = 1500


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest` calls this."""
    parser.getgroup("aegis").addoption(
        "--aegis-servers",
        metavar="auto|required[:NAME,…]|none",
        default=None,
        help="a server that is missing: skip its tests (auto), fail (required, for all or those named), or start none; "
        f"by default what {_VARIABLE} says, or auto",
    )


def pytest_configure(config: pytest.Config) -> None:
    """`pytest` calls this."""
    from aegis_core.testing.servers.pool import Pool, Wanted

    config.addinivalue_line("markers", "server: needs a server program on this machine")
    said = config.getoption("--aegis-servers") or os.environ.get(_VARIABLE) or "auto"
    try:
        wanted = Wanted.parse(said)
    except ValueError as error:
        message = f"--aegis-servers: {error}"
        raise pytest.UsageError(message) from None
    config.stash[_pool] = Pool(wanted)
    config.stash[_facts] = []


def pytest_unconfigure(config: pytest.Config) -> None:
    """`pytest` calls this."""
    if _pool in config.stash:
        config.stash[_pool].stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever takes a server has the marker, so that ``-m "not server"`` works."""
    for item in items:
        if {"aegis_server", "aegis_own_server"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.fixture(scope="session")
def aegis_server(pytestconfig: pytest.Config) -> "Generator[Callable[[str], Running]]":
    """Call it with a server's name: the run's own instance, started when it is first asked for."""
    pool = pytestconfig.stash[_pool]
    yield lambda name: _ask(pool.shared, name)
    pool.stop()


@pytest.fixture
def aegis_own_server(pytestconfig: pytest.Config) -> "Generator[Callable[[str], Running]]":
    """Call it with a server's name: an instance for this test alone, ended after it."""
    pool = pytestconfig.stash[_pool]
    taken: list[Running] = []

    def take(name: str) -> "Running":
        taken.append(_ask(pool.own, name))
        return taken[-1]

    yield take
    for running in taken:
        pool.give_back(running)


def _ask(start: "Callable[[str], Running]", name: str) -> "Running":
    from aegis_core.testing.servers.pool import Required
    from aegis_core.testing.servers.server import Missing, NotReady

    try:
        return start(name)
    except Missing as error:
        pytest.skip(f"{name}: {error}")
    except Required as error:
        pytest.fail(f"{name} is missing, and this run requires it: {error}", pytrace=False)
    except NotReady as error:
        pytest.fail(str(error), pytrace=False)


def _fixture_for(name: str) -> Any:
    def started(aegis_server: "Callable[[str], Running]") -> "Running":
        return aegis_server(name)

    started.__doc__ = f"The server ``{name}`` of this run."
    return pytest.fixture(scope="session", name=f"{name.replace('-', '_')}_server")(started)


postgres_server = _fixture_for("postgres")
valkey_server = _fixture_for("valkey")
nats_server = _fixture_for("nats")
rabbitmq_server = _fixture_for("rabbitmq")
seaweedfs_server = _fixture_for("seaweedfs")
moto_server = _fixture_for("moto")
azurite_server = _fixture_for("azurite")
fake_gcs_server = _fixture_for("fake-gcs")
smtp_server = _fixture_for("smtp")
openbao_server = _fixture_for("openbao")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the servers said."""
    report = yield
    if report.failed and item.get_closest_marker("server"):
        for name, log in item.config.stash[_pool].logs().items():
            if log.strip():
                report.sections.append((f"end of the log of {name}", log[-_SHOWN:]))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its facts over."""
    import attrs

    facts = session.config.stash[_pool].facts()
    session.config.stash[_facts] += facts
    handed_over: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if handed_over is not None:
        handed_over[_HANDED_OVER] = [attrs.asdict(fact) for fact in facts]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """The controller of pytest-xdist takes them."""
    from aegis_core.testing.servers.pool import Fact

    handed_over = getattr(node, "workeroutput", None) or {}
    node.config.stash[_facts] += [Fact(**fact) for fact in handed_over.get(_HANDED_OVER, ())]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers ran, and which were skipped, and why."""
    from aegis_core.testing.servers.pool import table

    if lines := table(config.stash[_facts]):
        terminalreporter.section(f"servers (--aegis-servers={config.stash[_pool].wanted})")
        for line in lines:
            terminalreporter.line(line)
