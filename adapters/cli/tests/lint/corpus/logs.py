"""Lines that log. `# expect: X` is a line that is to be remarked; `# miss: X` one that should be, and is not."""

import logging
import traceback
from dataclasses import asdict

import structlog

from aegis_core import LabResult, Mrn, guarded

logger = logging.getLogger(__name__)
log = structlog.get_logger()


def interpolated(mrn, patient, birth_date, row, self, ภาษา, นามสกุล):
    logger.info(f"admitted {mrn}")  # expect: AEG001
    logger.info("admitted %s" % mrn)  # expect: AEG001
    logger.info("admitted {}".format(mrn))  # expect: AEG001
    logger.info("admitted {who}".format(who=mrn))  # expect: AEG001
    logger.info("admitted " + mrn)  # expect: AEG001
    logger.info("admitted %s, born %s" % (mrn, birth_date))  # expect: AEG001
    logger.warning(f"no bed for {patient.name!r}")  # expect: AEG001
    logger.error(f"born {birth_date:%Y}")  # expect: AEG001
    logger.debug(f"row {row['national_id']}")  # expect: AEG001
    logger.debug(f"row {row.get('national_id')}")  # expect: AEG001
    logger.log(logging.INFO, f"admitted {mrn}")  # expect: AEG001
    logging.info(f"admitted {patient}")  # expect: AEG001
    self.logger.critical(f"{self.patient.phone}")  # expect: AEG001
    log.info(f"admitted {str(mrn).upper()}")  # expect: AEG001
    log.bind(ward="4B").info(f"admitted {mrn}")  # expect: AEG001
    structlog.get_logger().info(f"admitted {mrn}")  # expect: AEG001
    log.info("admitted", mrn=mrn)
    log.info(f"{len(mrn)} digits")
    logger.info(f"{นามสกุล}")  # expect: AEG001
    logger.info(f"{ภาษา}")
    message = f"admitted {mrn}"
    logger.info(message)  # miss: AEG001
    logger.info(  # aegis: ignore[AEG001] - made of a random number two lines above
        f"test patient {mrn}",
    )


def unnamed(mrn, patient, order, diagnosis):
    logger.info("admitted %s", mrn)  # expect: AEG002
    logger.info("admitted mrn=%s", mrn)
    logger.info("admitted mrn: %s to %s", mrn, "4B")
    logger.info("admitted %s", patient)
    logger.info("admitted %(who)s", {"who": mrn})  # expect: AEG002
    logger.info("admitted %(mrn)s", {"mrn": mrn})
    logger.info("admitted", extra={"who": mrn})  # expect: AEG002
    logger.info("admitted", extra={"mrn": mrn})
    log.info("admitted", who=mrn)  # expect: AEG002
    log.info("admitted", who=patient.first_name)  # expect: AEG002
    log.info("admitted", patient=patient)
    log.info("coded", code=diagnosis)  # expect: AEG002
    log.info("coded", diagnosis=diagnosis)
    log.info("found", order=order, count=3)
    log.info("admitted", request={"mrn": mrn, "ward": "4B"})
    log.info("admitted", request={"who": mrn})  # expect: AEG002
    who = mrn
    log.info("admitted", who=who)  # miss: AEG002


class Order:
    mrn: Mrn
    finding: LabResult


@guarded
class Silent:
    mrn: Mrn


def by_annotation(subject: Mrn, other: str, request: Order):
    logger.info(f"admitted {subject}")  # expect: AEG001
    logger.info(f"admitted {other}")
    log.info("admitted", who=subject)  # expect: AEG002
    log.info("ordered", request=vars(request))  # expect: AEG003
    log.info("ordered", finding=request.finding)
    logger.info(f"found {request.finding}")  # expect: AEG001
    made = Order(mrn=subject)
    logger.info(f"made {made}")  # expect: AEG001
    logger.info(f"asked {request}")  # expect: AEG001
    quiet = Silent(mrn=subject)
    logger.info(f"made {quiet}")
    log.info("made", order=vars(quiet))  # expect: AEG003


def dumped(patient, order, settings):
    log.info("admitted", patient=patient.__dict__)  # expect: AEG003
    log.info("admitted", patient=vars(patient))  # expect: AEG003
    log.info("admitted", patient=patient.model_dump())  # expect: AEG003
    log.info("admitted", patient=patient.model_dump_json())  # expect: AEG003
    log.info("admitted", patient=asdict(patient))  # expect: AEG003
    log.info("ordered", order=asdict(order))  # expect: AEG003
    log.info("ordered", **order.model_dump())  # expect: AEG003
    logger.info("state %s", locals())  # expect: AEG003
    logger.info(f"state {locals()}")  # expect: AEG003
    log.info("started", settings=settings.model_dump())
    log.info("started", settings=vars(settings))


def of_exceptions(work):
    try:
        work()
    except ValueError as problem:
        logger.error(str(problem))  # expect: AEG008
        logger.exception(str(problem))  # expect: AEG008
        logger.error(f"failed: {problem}")  # expect: AEG008
        logger.error("failed: " + str(problem))  # expect: AEG008
        logger.error("failed: %s" % problem)  # expect: AEG008
        logger.error("failed: {}".format(problem))  # expect: AEG008
        logger.error("failed: %s", repr(problem))  # expect: AEG008
        log.error("failed", error=str(problem))  # expect: AEG008
        log.error("failed", error=problem.args)  # expect: AEG008
        logger.error(traceback.format_exc())  # expect: AEG008
        logger.exception("failed")
        logger.error("failed: %s", problem)
        logger.error("failed", exc_info=problem)
        log.error("failed", kind=type(problem).__name__)
        text = str(problem)
        logger.error(text)  # miss: AEG008


def harmless(filename, email_template, address, has_diagnosis, patient_count, phone_verified, ward, dog, catalog):
    logger.info(f"read {filename}")
    logger.info(f"rendered {email_template}")
    logger.info(f"listening on {address}")
    logger.info(f"{has_diagnosis} {patient_count} {phone_verified}")
    logger.info("moved to %s", ward)
    dog.info(f"woof {patient_count}")
    catalog.info(f"a book about {has_diagnosis}")
    logger.info(f"user {ward.name} on {address.host}")
