"""A notebook: its cells run on a kernel's thread, where an event loop runs all the time."""

import nbclient
import nbformat

from tests.processes.conftest import HEAD

ASYNC = """
async with Aegis().open() as aegis:
    with treating():
        await aegis.audit.record(Filed(label="async cell"))
        await aegis.storage.upload("reports/1", PATIENT["name"].encode())
    assert (await aegis.audit.verify()).intact
"""

REFUSED = """
from aegis_core.blocking import PerProcess
services = PerProcess(Aegis())
try:
    services.audit
except AegisError as error:
    print(error.code, "|", error.message)
"""

IN_A_THREAD = """
import asyncio

def file():
    with treating():
        services.audit.record(Filed(label="blocking, in a thread"))
        return services.storage.download("reports/1") == PATIENT["name"].encode()

print(await asyncio.to_thread(file))
services.audit.submit(Filed(label="from the cell's own thread"))
"""

CLOSED = """
print((await asyncio.to_thread(services.close)).is_clean)
"""


def test_async_cells_work_and_blocking_ones_are_told_to_use_a_thread(workplace, monkeypatch):
    for name, value in workplace.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(workplace.folder.parent / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(workplace.folder / "ipython"))
    cells = [nbformat.v4.new_code_cell(source) for source in (HEAD, ASYNC, REFUSED, IN_A_THREAD, CLOSED)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    assert printed[:2] == ["", ""]
    assert printed[2].startswith("invalid_argument | ")
    assert "use the async service there, or call it in a thread (`await asyncio.to_thread(...)`)" in printed[2]
    assert printed[3:] == ["True\n", "True\n"]
    workplace.canary.assert_absent(nbformat.writes(notebook))  # what a cell shows is kept in the file
    assert workplace.labels() == ["async cell", "blocking, in a thread", "from the cell's own thread"]
