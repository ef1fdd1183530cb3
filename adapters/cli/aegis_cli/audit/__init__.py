"""``aegis audit``: is the trail what it was, what stands in it, and a proof of one entry for somebody else."""

from cyclopts import App

from aegis_cli.audit.prove import prove
from aegis_cli.audit.show import show
from aegis_cli.audit.verify import verify

app = App(name="audit", help="Verify, show and prove the trail.")
app.command(verify)
app.command(show)
app.command(prove)
