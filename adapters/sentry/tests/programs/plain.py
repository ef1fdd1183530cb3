"""Exceptions in all their forms, log lines, scopes, spans, logs, metrics and attachments; without a framework."""

import asyncio
import logging
import threading
import warnings

import sentry_sdk
from setting_up import MRN, NAME, Patient, set_up

set_up(enable_logs=True, attach_stacktrace=True, profiles_sample_rate=1.0)
log = logging.getLogger("clinic.ward")
logging.captureWarnings(True)
patient = Patient(MRN, NAME)


def raises(name: str) -> None:
    mrn = MRN
    try:
        raise KeyError(name, mrn)
    except KeyError as cause:
        error = RuntimeError(f"no bed for {name}")
        error.add_note(f"asked by {name}")
        raise ExceptionGroup(f"ward of {name}", [error, ValueError(mrn)]) from cause


sentry_sdk.set_user({"id": MRN, "email": NAME, "username": NAME, "ip_address": MRN})
sentry_sdk.set_tag("who", NAME)
sentry_sdk.set_tag("ward", 4)
sentry_sdk.set_context("patient", {"name": NAME, "who": NAME, "beds": 2, "deep": {"who": [NAME]}})
sentry_sdk.set_context("os", {"name": "Linux", "owner": NAME})
sentry_sdk.set_context("device", {"name": NAME})
sentry_sdk.set_extra("who", NAME)
sentry_sdk.set_extra("mrn", int(MRN[2:9]))
sentry_sdk.set_extra("patient", patient)
sentry_sdk.get_isolation_scope().add_attachment(bytes=NAME.encode(), filename=f"{NAME}.txt")
sentry_sdk.get_isolation_scope().fingerprint = ["{{ default }}", NAME]
sentry_sdk.add_breadcrumb(category="ward", message=f"looked for {NAME}", data={"who": NAME, "beds": 3})
log.info("asked for %s", NAME, extra={"who": NAME})
log.error("no bed for %s, mrn=%s, ward %d", NAME, MRN, 4, extra={"who": NAME, "patient": patient, "beds": 0})
log.error("no bed for %(who)s", {"who": NAME})
log.error(patient)
log.error(ValueError(NAME))
log.warning("the ward is full")
warnings.warn(f"expected int, got {NAME}", stacklevel=1)
try:
    raises(NAME)
except ExceptionGroup as group:
    log.exception("admission of %s failed", NAME)
    sentry_sdk.capture_exception(group)

with sentry_sdk.start_transaction(op="task", name="admit") as admission:
    admission.set_tag("who", NAME)
    admission.set_data("who", NAME)
    admission.set_measurement("beds", 2, "bed")
    admission.set_measurement("patient", NAME)
    admission.set_status(f"failed for {NAME}")
    with sentry_sdk.start_span(op="ward.search", name=f"search {NAME}") as span:
        span.set_data("patient.name", NAME)
        span.set_data("who", NAME)
        span.set_data("beds", 2)
    with sentry_sdk.start_span(op="db", name=f"SELECT id FROM bed WHERE who = '{NAME}'"):
        pass
    with sentry_sdk.start_span(op="http.client", name=f"GET https://lab.example/patients/{NAME}?mrn={MRN}"):
        pass

sentry_sdk.logger.warning("no bed for {who}", who=NAME, beds=0)
sentry_sdk.metrics.count("beds", 2, attributes={"who": NAME, "ward": 4})
sentry_sdk.start_session()
sentry_sdk.end_session()


async def forgotten() -> None:
    async def fails() -> None:
        raise ValueError(NAME)

    task = asyncio.create_task(fails(), name=NAME)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


asyncio.run(forgotten())
thread = threading.Thread(target=raises, args=(NAME,))
threading.excepthook = threading.excepthook
thread.start()
thread.join()
sentry_sdk.flush(10)
raises(NAME)
