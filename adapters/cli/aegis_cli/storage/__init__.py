"""``aegis storage``: what lies in a store, an object out of it, and a file into it."""

from cyclopts import App

from aegis_cli.storage.get import get
from aegis_cli.storage.ls import ls
from aegis_cli.storage.put import put

app = App(name="storage", help="List stored objects, read one, put a file there.")
app.command(ls)
app.command(get)
app.command(put)
