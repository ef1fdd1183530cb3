"""The command."""

from typing import Annotated

from cyclopts import Parameter, validators

from aegis_cli.doctor.examine import examine
from aegis_cli.doctor.show import shown
from aegis_cli.exits import Exit
from aegis_cli.output import AsJson, Output


def doctor(
    *,
    deadline: Annotated[
        float, Parameter(validator=validators.Number(gt=0, lte=600), help="Seconds for each part; all run at once.")
    ] = 5.0,
    verbose: Annotated[
        bool, Parameter(negative=(), help="Also list every setting with its source, and every installed adapter.")
    ] = False,
    as_json: AsJson = False,
) -> Exit:
    """Is everything connected as you think it is?

    Looks at settings, adapters, the trail, keys and deliveries, and sends a made-up patient through every sink. It
    makes nothing that is not there. Exit codes: 0 as it should be; 1 something fails, or in production is missing or
    degraded; 2 settings are wrong; 3 something is damaged, or leaks; 75 something does not answer.

    JSON: {"exit": int, "environment": str, "looked_at": str,
    "settings": [{"variable": str, "source": str, "value": str}], "secrets": {name: source},
    "installed": {port: [scheme]}, "problems": [{"setting": str, "expected": str, "source": str, "hint": str}],
    "rows": [{"name": str, "state": "ok" | "note" | "missing" | "degraded" | "down" | "failed" | "damaged" | "skipped",
    "url"?: str, "variable"?: str, "detail": str, "facts": {name: value}}]}
    """
    out = Output(as_json=as_json)
    with out.progress("looking") as at:
        report = examine(deadline, at)
    out.answer(report.document(), *shown(report, verbose=verbose))
    return report.exit
