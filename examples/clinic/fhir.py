"""Read FHIR R4 JSON: a bundle, one resource, or a folder of them."""

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from aegis_core.kernel.errors import AegisError, ErrorCode
from examples.clinic.model import Document, Intake, Patient, Refusal

Resource: TypeAlias = Mapping[str, Any]  # JSON as it came: its shape is what this module finds out

#: The largest file that is read, in bytes.
LARGEST_FILE = 64 * 1024 * 1024

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # FHIR R4, datatype id
_FILED = {"DiagnosticReport", "DocumentReference", "Binary", "Observation"}


def read_input(path: Path, /) -> Intake:
    """Read a file or every ``*.json`` of a folder, in order of names.

    What can't be taken is refused with a code and counted; the rest goes on.

    Raises:
        AegisError: ``not_found`` if there is nothing at the path.
    """
    intake = Intake()
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files or not path.exists():
        raise AegisError(ErrorCode.NOT_FOUND, "there is no FHIR JSON at the path given: name a .json file or a folder")
    resources: list[tuple[Resource, str]] = []
    for file in files:
        try:
            resources.extend(_resources(read_json(file), str(file)))
        except AegisError as error:
            intake.refusals.append(Refusal(str(file), error.code.value, error.message))
    _take(resources, intake)
    return intake


def read_bundle(bundle: Resource, /) -> Intake:
    """Take a bundle that is in memory already."""
    intake = Intake()
    _take(list(_resources(_checked(bundle), "the synthetic bundle")), intake)
    return intake


def read_json(file: Path, /) -> Resource:
    """Read one JSON file that does not change while it is read.

    Raises:
        AegisError: ``resource_exhausted`` over 64 MiB, ``conflict`` if the file changed, ``permission_denied``,
            ``invalid_argument`` for what is no FHIR resource.
    """
    try:
        with file.open("rb") as source:
            before = os.fstat(source.fileno())
            if before.st_size > LARGEST_FILE:
                raise AegisError(
                    ErrorCode.RESOURCE_EXHAUSTED, f"the file is over {LARGEST_FILE >> 20} MiB: split the bundle"
                )
            body = source.read(LARGEST_FILE + 1)
            after = os.fstat(source.fileno())
    except PermissionError:
        raise AegisError(ErrorCode.PERMISSION_DENIED, "the file may not be read by this user") from None
    except FileNotFoundError:
        raise AegisError(ErrorCode.NOT_FOUND, "the file is gone") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(body) != before.st_size:
        raise AegisError(ErrorCode.CONFLICT, "the file changed while it was read: try again when it is complete")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "the file is not valid JSON") from None
    return _checked(parsed)


def _checked(parsed: object) -> Resource:
    if not isinstance(parsed, dict) or not isinstance(parsed.get("resourceType"), str):
        raise AegisError(ErrorCode.INVALID_ARGUMENT, "a FHIR resource needs a resourceType")
    return parsed


def _resources(resource: Resource, where: str) -> Iterator[tuple[Resource, str]]:
    if resource["resourceType"] != "Bundle":
        yield resource, where
        return
    for number, entry in enumerate(_items(resource.get("entry"))):
        inner = entry.get("resource")
        if isinstance(inner, dict) and isinstance(inner.get("resourceType"), str):
            full_url = entry.get("fullUrl")
            if "id" not in inner and isinstance(full_url, str) and full_url.startswith("urn:uuid:"):
                inner = {**inner, "id": full_url.removeprefix("urn:uuid:")}
            yield from _resources(inner, f"{where}#{number}")


def _items(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _take(resources: list[tuple[Resource, str]], intake: Intake) -> None:
    owners = _binary_owners(resources)
    contents: dict[str, bytes] = {}
    for resource, where in resources:
        kind = resource["resourceType"]
        identity = resource.get("id")
        if identity is None:
            intake.without_id += 1
            continue
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            intake.refusals.append(Refusal(where, ErrorCode.INVALID_ARGUMENT.value, "the id is not a FHIR id"))
            continue
        if kind == "Patient":
            intake.patients.setdefault(identity, _patient(resource, identity))
        elif kind in _FILED and (kind != "Observation" or _has_result(resource)):
            for document in _documents(resource, identity, owners, intake):
                known = contents.setdefault(document.document_id, document.content)
                if known is document.content:
                    intake.documents.append(document)
                else:
                    intake.repeated += 1
        else:
            intake.others[kind] = intake.others.get(kind, 0) + 1


def _has_result(resource: Resource) -> bool:
    return any(name.startswith("value") for name in resource) or any(
        name.startswith("value") for part in _items(resource.get("component")) for name in part
    )


def _documents(resource: Resource, identity: str, owners: Mapping[str, str], intake: Intake) -> Iterator[Document]:
    kind = resource["resourceType"]
    patient = owners.get(identity) if kind == "Binary" else _subject(resource)
    if patient is None:
        intake.without_subject += 1
        return
    if kind == "Binary":
        content = _decoded(resource.get("data"))
        if content is not None:
            yield Document(
                document_id=f"Binary/{identity}",
                patient_id=patient,
                kind=kind,
                media_type=str(resource.get("contentType", "application/octet-stream")),
                content=content,
            )
        return
    yield Document(
        document_id=f"{kind}/{identity}",
        patient_id=patient,
        kind=kind,
        media_type="application/fhir+json",
        content=json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode(),
        is_result=kind == "Observation",
    )
    attachments = _items(resource.get("presentedForm")) or [
        content["attachment"]
        for content in _items(resource.get("content"))
        if isinstance(content.get("attachment"), dict)
    ]
    for number, attachment in enumerate(attachments):
        content = _decoded(attachment.get("data"))
        if content is not None:
            yield Document(
                document_id=f"{kind}/{identity}/attachment-{number}",
                patient_id=patient,
                kind="Attachment",
                media_type=str(attachment.get("contentType", "application/octet-stream")),
                content=content,
            )


def _decoded(data: object) -> bytes | None:
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error:
        return None


def _subject(resource: Resource) -> str | None:
    for name in ("subject", "patient"):
        reference = resource.get(name)
        if isinstance(reference, dict):
            return _patient_id(reference.get("reference"))
    return None


def _patient_id(reference: object) -> str | None:
    """The id in ``Patient/x``, ``http://server/fhir/Patient/x/_history/1`` or ``urn:uuid:x``."""
    if not isinstance(reference, str):
        return None
    if reference.startswith("urn:uuid:"):
        identity = reference.removeprefix("urn:uuid:")
    else:
        match = re.search(r"(?:^|/)Patient/([^/]+)", reference)
        identity = match.group(1) if match else ""
    return identity if _ID.fullmatch(identity) else None


def _binary_owners(resources: list[tuple[Resource, str]]) -> dict[str, str]:
    """Whose a Binary is: through the DocumentReference or report that points at it, or its security context."""
    owners: dict[str, str] = {}
    subjects: dict[str, str] = {}
    for resource, _ in resources:
        patient = _subject(resource)
        if patient is None:
            continue
        subjects[f"{resource['resourceType']}/{resource.get('id')}"] = patient
        attachments = [content.get("attachment") for content in _items(resource.get("content"))]
        for attachment in [*attachments, *_items(resource.get("presentedForm"))]:
            url = attachment.get("url") if isinstance(attachment, dict) else None
            if isinstance(url, str) and "Binary/" in url:
                owners[url.rsplit("Binary/", 1)[1].split("/")[0]] = patient
    for resource, _ in resources:
        context = resource.get("securityContext")
        if resource["resourceType"] == "Binary" and isinstance(context, dict):
            reference = str(context.get("reference", ""))
            owner = subjects.get(reference) or _patient_id(reference)
            if owner is not None:
                owners.setdefault(str(resource.get("id")), owner)
    return owners


def _patient(resource: Resource, identity: str) -> Patient:
    email = None
    numbers = [item["value"] for item in _items(resource.get("identifier")) if isinstance(item.get("value"), str)]
    for contact in _items(resource.get("telecom")):
        value = contact.get("value")
        if isinstance(value, str) and contact.get("system") == "email":
            email = email or value
        elif isinstance(value, str):
            numbers.append(value)
    names = [*_names(resource), *(name for contact in _items(resource.get("contact")) for name in _names(contact))]
    language = "en"
    for communication in _items(resource.get("communication")):
        coding = communication.get("language")
        codes = _items(coding.get("coding")) if isinstance(coding, dict) else []
        if any(str(code.get("code", "")).startswith("th") for code in codes):
            language = "th"
    birth_date = resource.get("birthDate")
    if isinstance(birth_date, str):
        numbers.append(birth_date)
    return Patient(
        patient_id=identity,
        names=tuple(names),
        email=email,
        numbers=tuple(numbers),
        language=language,
    )


def _names(resource: Resource) -> list[str]:
    raw = resource.get("name")
    found: list[str] = []
    for name in _items(raw) or ([raw] if isinstance(raw, dict) else []):
        found.extend(part for part in (name.get("text"), name.get("family")) if isinstance(part, str))
        given = name.get("given")
        found.extend(part for part in (given if isinstance(given, list) else []) if isinstance(part, str))
    return found
