"""What the guide says about frameworks is true where they are installed, and the settings page agrees with the code."""

import json
import re
import sys
import types

import anyio
import pytest

from aegis_core.kernel.registry import GROUPS, Registry
from aegis_core.kernel.settings import _OTHERS, _VARIABLES, KNOWN
from tests.architecture.tree import ROOT

GUIDE = (ROOT / "docs" / "guides" / "wiring.md").read_text()
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def block(framework):
    (found,) = [text for text in blocks("py") if framework in text]
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    monkeypatch.setenv("AEGIS_LOG", "jsonl:log.jsonl")


@pytest.fixture
def services(home, monkeypatch):
    (text,) = [
        text
        for text in re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
        if "# services.py" in text
    ]
    module = types.ModuleType("services")
    exec(compile(text, "services.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "services", module)
    yield module
    module.aegis.close()


def namespace(text):
    # A module, because frameworks resolve annotations in it.
    module = types.ModuleType("wired")
    exec(compile(text, "wired.py", "exec"), vars(module))
    return module


def test_the_fastapi_block(home):
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    app = namespace(block("fastapi")).app

    async def call():
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://clinic.example")
        async with app.router.lifespan_context(app), client:
            return await client.put("/reports/7", headers={"x-request-id": "chosen-by-them"})

    answer = anyio.run(call)
    assert answer.json() == {"key": "reports/7"}
    assert answer.headers["x-request-id"] != "chosen-by-them"
    assert "x-correlation-id" in answer.headers


def test_the_flask_block(services):
    pytest.importorskip("flask", reason="Flask is not installed")
    client = namespace(block("flask")).app.test_client()
    assert client.put("/reports/7").get_json() == {"key": "reports/7"}


def test_the_django_block(services):
    django = pytest.importorskip("django", reason="Django is not installed")
    from django.conf import settings

    if not settings.configured:
        settings.configure()
        django.setup()
    from django.test import RequestFactory

    view = namespace(block("django")).file
    answer = view(RequestFactory().put("/reports/7", data=b"%PDF"), "7")
    assert json.loads(answer.content) == {"key": "reports/7"}
    assert [event.action for event in services.aegis.audit.entries()] == ["storage.written"]


def table():
    rows = re.findall(r"^\| `(AEGIS_[A-Z_]+)` \|(.*)\|$", PAGE, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def test_every_variable_is_on_the_page_and_no_other():
    patterns = {"AEGIS_STORAGE__NAME", "AEGIS_STORAGE__TENANT_X", "AEGIS_AUDIT__NAME", "AEGIS_SECRET_NAME"}
    named = set(re.findall(r"`(AEGIS_[A-Z_]+)`", PAGE))
    assert named == set(KNOWN) | patterns
    assert set(table()) == named - set(_OTHERS)


@pytest.mark.parametrize(("kind", "variable", "default"), [(kind, *pair) for kind, pair in _VARIABLES.items()])
def test_defaults_and_schemes_on_the_page_are_those_of_the_code(kind, variable, default):
    _, schemes, shown = table()[variable]
    if default:
        assert f"`{default}`" in shown
    installed = set(Registry().schemes(kind))
    listed = set(re.findall(r"`(\w+)`", schemes))
    assert listed <= installed
    if kind != "subject_keys":  # of the stores that are there, only those that erase
        core = {point.name for point in _core_points(GROUPS[kind])}
        assert listed == core


def _core_points(group):
    from importlib.metadata import entry_points

    return [point for point in entry_points(group=group) if point.value.startswith("aegis_core.")]
