"""What the volumes of a service hold, as JSON on standard output; run in a pod, by the pod's own user."""

import hashlib
import json

from aegis_core import Aegis, Principal, Purpose, acting


def main() -> None:
    who = acting(Principal("auditor", verified_by="test"), purpose=Purpose.COMPLIANCE)
    with Aegis(only=["keys", "audit", "storage"]).blocking() as aegis, who:
        verdict = aegis.audit.verify()
        events: dict[str, list[str]] = {}
        for event in aegis.audit.entries():
            if event.action.startswith("document."):
                events.setdefault(event.action, []).append(str(event.data["document"]))
        documents = {
            info.key.removeprefix("documents/"): hashlib.sha256(aegis.storage.download(info.key)).hexdigest()
            for info in aegis.storage.list("documents/")
        }
    print(json.dumps({"intact": verdict.intact, "events": events, "documents": documents}))


main()
