"""What each program begins with: the patient from the environment, and the SDK as the test wants it."""

import json
import os

import attrs
import sentry_sdk

import aegis_sentry
from aegis_core import Mrn, PatientName, guarded

PATIENT = json.loads(os.environ["PATIENT"])
MRN, NAME = PATIENT["mrn"], PATIENT["name"]
OPTIONS = {"dsn": os.environ["DSN"], "traces_sample_rate": 1.0, "release": "clinic@1"}
OPTIONS["auto_session_tracking"] = True


@guarded
@attrs.frozen
class Patient:
    mrn: Mrn
    name: PatientName


def set_up(**options: object) -> None:
    set_up_with = sentry_sdk.init if os.environ.get("BARE") else aegis_sentry.init
    set_up_with(**{**OPTIONS, **options})
