"""The async services on asyncio, on trio, and on one after the other in one process, with one Aegis."""

import pytest

PROGRAM = """
aegis = Aegis()

async def main(label):
    async with aegis.open():
        async with anyio.create_task_group() as group:
            for task in range(5):
                async def file(task=task):
                    with treating():
                        await aegis.storage.upload(f"{label}/{task}", PATIENT["name"].encode())
                        assert await aegis.storage.download(f"{label}/{task}") == PATIENT["name"].encode()
                        aegis.audit.submit(Filed(label=f"{label} {task}"))  # closing waits for it
                group.start_soon(file)
        assert (await aegis.audit.verify()).intact
    assert aegis.closed.is_clean

for turn, backend in enumerate(BACKENDS):
    anyio.run(main, f"{turn} {backend}", backend=backend)
"""


@pytest.mark.parametrize(
    "backends", [("asyncio",), ("trio",), ("asyncio", "trio", "asyncio")], ids=lambda backends: " then ".join(backends)
)
def test_the_same_program(workplace, backends):
    workplace.run(f"BACKENDS = {backends!r}\n{PROGRAM}")
    assert workplace.labels() == [
        f"{turn} {backend} {task}" for turn, backend in enumerate(backends) for task in range(5)
    ]
