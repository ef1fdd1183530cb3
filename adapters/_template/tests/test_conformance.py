"""The adapter keeps every promise of its port, on asyncio and trio."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.registry import Registry
from aegis_core.kernel.url import ServiceUrl
from aegis_core.testing.kit import Subject, pytest_cases
from aegis_core.testing.kits.state import state_kit
from aegis_template import TemplateState


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Harness:
    """Stores over one file, closed at the end."""

    capabilities = TemplateState.capabilities

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack

    async def make(self) -> TemplateState:
        store = TemplateState(self._folder / "state.json")
        await store.open()
        self._stack.push_async_callback(store.aclose)
        return store

    async def reopen(self, store: TemplateState, /) -> TemplateState:
        await store.aclose()
        return await self.make()

    async def raw(self) -> bytes:
        return b"".join(file.read_bytes() for file in self._folder.iterdir())


@asynccontextmanager
async def on_a_real_file() -> AsyncGenerator[Harness]:
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            yield Harness(Path(folder), stack)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check", pytest_cases(state_kit, {"template": on_a_real_file}, {"template": Subject("template")})
)
async def test_it_keeps_the_promises_of_its_port(check):
    await check()


@pytest.mark.anyio
async def test_its_url_leads_to_it(tmp_path):
    url = ServiceUrl.parse(f"template://{tmp_path}/state.json")
    store = Registry().from_url("state", url, AdapterDeps())
    await store.open()
    await store.put("keyring/clinic", b"1", expected=None)
    assert store.native(Path) == tmp_path / "state.json"
    assert (tmp_path / "state.json").is_file()


@pytest.mark.anyio
async def test_who_only_looks_makes_nothing(tmp_path):
    url = ServiceUrl.parse(f"template://{tmp_path}/folder/state.json")
    with pytest.raises(AegisError) as caught:
        await Registry().from_url("state", url, AdapterDeps(create=False)).open()
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_file_that_is_not_ours_is_an_integrity_error(tmp_path):
    file = tmp_path / "state.json"
    file.write_text("[not json")
    store = TemplateState(file)
    with pytest.raises(ValueError, match="Expecting value") as caught:
        await store.get("a")
    assert store.classify(caught.value) is ErrorCode.INTEGRITY
    assert (await store.health()).state == "down"
