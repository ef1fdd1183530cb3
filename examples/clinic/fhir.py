"""What of FHIR R4 the clinic takes: documents, whose they are, and how patients are reached. The rest is counted."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from aegis_core.kernel.errors import AegisError, ErrorCode
from examples.clinic.files import checked, json_files, read_json, write_json
from examples.clinic.model import Document, Intake, Patient

Resource: TypeAlias = Mapping[str, Any]  # JSON as it came: its shape is what this module finds out

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # FHIR R4, datatype id
_FILED: Final = {"DiagnosticReport", "DocumentReference", "Binary", "Observation"}


@attrs.frozen
class _Found:
    resource: Resource = attrs.field(repr=False)
    where: str
    full_url: str = attrs.field(default="", repr=False)


def read_input(path: Path, /) -> Intake:
    """Read a file, or every ``*.json`` of a folder in the order of names.

    What can't be taken is refused with a code and counted; the rest goes on.

    Raises:
        AegisError: ``not_found`` or ``permission_denied`` if there is nothing at the path to be read.
    """
    intake = Intake()
    found: list[_Found] = []
    for file in json_files(path):
        if isinstance(file, tuple):
            intake.refuse(str(file[0]), file[1])
            continue
        try:
            found.extend(_unfold(read_json(file), str(file), "", intake))
        except AegisError as error:
            intake.refuse(str(file), error)
    _take(found, intake)
    return intake


def read_bundle(bundle: Resource, /) -> Intake:
    """Take a bundle that is in memory already."""
    intake = Intake()
    _take(list(_unfold(checked(bundle), "the synthetic bundle", "", intake)), intake)
    return intake


def _unfold(resource: Resource, where: str, full_url: str, intake: Intake) -> Iterator[_Found]:
    """The resource itself, or those of a bundle, which may hold bundles."""
    if resource["resourceType"] != "Bundle":
        if "id" not in resource and full_url.startswith("urn:uuid:"):
            resource = {**resource, "id": full_url.removeprefix("urn:uuid:")}
        yield _Found(resource, where, full_url)
        return
    for number, entry in enumerate(_items(resource.get("entry"))):
        if "resource" not in entry:
            continue  # a request or a response may have none
        inner = f"{where}#{number}"
        try:
            yield from _unfold(checked(entry["resource"]), inner, str(entry.get("fullUrl", "")), intake)
        except AegisError as error:
            intake.refuse(inner, error)


def _take(found: list[_Found], intake: Intake) -> None:
    takers = _Taker(found, intake)
    for each in found:
        try:
            takers.take(each)
        except AegisError as error:
            intake.refuse(each.where, error)


class _Taker:
    """Takes resources one by one; who a patient is and whose a Binary is, it knows from all of them."""

    def __init__(self, found: list[_Found], intake: Intake) -> None:
        self._intake = intake
        self._contents: dict[str, set[bytes]] = {}
        #: Within a bundle a reference may be the other entry's fullUrl.
        self._patients_by_url = {
            each.full_url: str(each.resource.get("id"))
            for each in found
            if each.full_url and each.resource["resourceType"] == "Patient"
        }
        self._owners = self._binary_owners(found)

    def take(self, found: _Found, /) -> None:
        resource, intake = found.resource, self._intake
        kind = resource["resourceType"]
        identity = resource.get("id")
        if identity is None:
            intake.without_id += 1
            return
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "the id is not a FHIR id: letters, digits, - and ., up to 64")
        if kind == "Patient":
            patient = _patient(resource, identity)
            known = intake.patients.get(identity)
            intake.patients[identity] = patient if known is None else _merged(known, patient)
        elif kind not in _FILED or (kind == "Observation" and not _has_result(resource)):
            intake.others[kind] = intake.others.get(kind, 0) + 1
        else:
            owner = self._owners.get(identity) if kind == "Binary" else self._subject(resource)
            if owner is None:
                intake.without_subject += 1
                return
            for document in _documents(resource, identity, owner):
                self._add(document)

    def _add(self, document: Document) -> None:
        """Under one id there may be several contents: a corrected report is another version, and both are kept."""
        known = self._contents.setdefault(document.document_id, set())
        digest = hashlib.sha256(document.content).digest()
        if digest in known:
            self._intake.repeated += 1
            return
        self._intake.versions += bool(known)
        known.add(digest)
        self._intake.documents.append(document)

    def _subject(self, resource: Resource) -> str | None:
        for name in ("subject", "patient"):
            reference = resource.get(name)
            if isinstance(reference, dict):
                return self._patient_id(reference.get("reference"))
        return None

    def _patient_id(self, reference: object) -> str | None:
        """The id in ``Patient/x``, ``http://server/fhir/Patient/x/_history/1`` or ``urn:uuid:x``."""
        if not isinstance(reference, str):
            return None
        identity = self._patients_by_url.get(reference)
        if identity is None and reference.startswith("urn:uuid:"):
            identity = reference.removeprefix("urn:uuid:")
        if identity is None:
            match = re.search(r"(?:^|/)Patient/([^/]+)", reference)
            identity = match.group(1) if match else ""
        return identity if _ID.fullmatch(identity) else None

    def _binary_owners(self, found: list[_Found]) -> dict[str, str]:
        """Whose a Binary is: through the DocumentReference or report that points at it, or its security context."""
        owners: dict[str, str] = {}
        subjects: dict[str, str] = {}
        for each in found:
            resource = each.resource
            patient = self._subject(resource)
            if patient is None:
                continue
            subjects[f"{resource['resourceType']}/{resource.get('id')}"] = patient
            for attachment in _attachments(resource):
                url = attachment.get("url")
                if isinstance(url, str) and "Binary/" in url:
                    owners[url.rsplit("Binary/", 1)[1].split("/")[0]] = patient
        for each in found:
            context = each.resource.get("securityContext")
            if each.resource["resourceType"] == "Binary" and isinstance(context, dict):
                reference = str(context.get("reference", ""))
                owner = subjects.get(reference) or self._patient_id(reference)
                if owner is not None:
                    owners.setdefault(str(each.resource.get("id")), owner)
        return owners


def _items(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attachments(resource: Resource) -> list[dict[str, Any]]:
    """Those of a DiagnosticReport (presentedForm) or of a DocumentReference (content)."""
    contents = [content.get("attachment") for content in _items(resource.get("content"))]
    return [*_items(resource.get("presentedForm")), *(each for each in contents if isinstance(each, dict))]


def _has_result(resource: Resource) -> bool:
    return any(name.startswith("value") for name in resource) or any(
        name.startswith("value") for part in _items(resource.get("component")) for name in part
    )


def _documents(resource: Resource, identity: str, patient: str) -> list[Document]:
    """The resource as a document, and the files that it carries."""
    kind = resource["resourceType"]
    if kind == "Binary":
        content = _decoded(resource.get("data"))
        return [] if content is None else [_document(f"Binary/{identity}", patient, kind, resource, content)]
    whole = Document(
        document_id=f"{kind}/{identity}",
        patient_id=patient,
        kind=kind,
        media_type="application/fhir+json",
        content=write_json(resource),
        is_result=kind == "Observation",
    )
    documents = [whole]
    for number, attachment in enumerate(_attachments(resource)):
        content = _decoded(attachment.get("data"))
        if content is not None:
            name = f"{kind}/{identity}/attachment-{number}"
            documents.append(_document(name, patient, "Attachment", attachment, content))
    return documents


def _document(name: str, patient: str, kind: str, described: Resource, content: bytes) -> Document:
    media_type = str(described.get("contentType", "application/octet-stream"))
    return Document(document_id=name, patient_id=patient, kind=kind, media_type=media_type, content=content)


def _decoded(data: object) -> bytes | None:
    """What an attachment carries in itself; None if it only points at it."""
    if data is None:
        return None
    try:
        if isinstance(data, str):
            return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise AegisError(ErrorCode.INVALID_ARGUMENT, "the file inside the resource is not base64")


def _patient(resource: Resource, identity: str) -> Patient:
    emails: list[str] = []
    numbers = [item["value"] for item in _items(resource.get("identifier")) if isinstance(item.get("value"), str)]
    contacts = _items(resource.get("contact"))
    for person in (resource, *contacts):
        for telecom in _items(person.get("telecom")):
            value = telecom.get("value")
            if isinstance(value, str):
                is_own_email = telecom.get("system") == "email" and person is resource
                (emails if is_own_email else numbers).append(value)
    birth_date = resource.get("birthDate")
    if isinstance(birth_date, str):
        numbers.append(birth_date)
    return Patient(
        patient_id=identity,
        names=tuple(name for person in (resource, *contacts) for name in _names(person)),
        email=emails[0] if emails else None,
        numbers=(*numbers, *emails[1:]),
        language="th" if _speaks_thai(resource) else "en",
    )


def _merged(known: Patient, more: Patient) -> Patient:
    """One patient in several files: everything that any of them says is kept; the first address counts."""
    numbers = dict.fromkeys([*known.numbers, *more.numbers, *(email for email in (more.email,) if email)])
    return attrs.evolve(
        known,
        names=tuple(dict.fromkeys([*known.names, *more.names])),
        email=known.email or more.email,
        numbers=tuple(numbers),
    )


def _speaks_thai(resource: Resource) -> bool:
    for communication in _items(resource.get("communication")):
        language = communication.get("language")
        codes = _items(language.get("coding")) if isinstance(language, dict) else []
        if any(str(code.get("code", "")).partition("-")[0] == "th" for code in codes):
            return True
    return False


def _names(person: Resource) -> list[str]:
    raw = person.get("name")
    found: list[str] = []
    for name in _items(raw) or ([raw] if isinstance(raw, dict) else []):
        given = name.get("given")
        parts = [name.get("text"), name.get("family"), *(given if isinstance(given, list) else [])]
        found.extend(part for part in parts if isinstance(part, str))
    return found
