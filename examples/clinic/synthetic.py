"""The default input: ten patients who do not exist, with results, a scanned report and an image."""

import base64
import struct
import zlib
from typing import Any, Final

_PEOPLE: Final = (
    ("สมชาย", "ใจดีเลิศ", "th"),
    ("มาลีรัตน์", "ศรีสุขสันต์", "th"),
    ("กิตติพงษ์", "วัฒนกุลชัย", "th"),
    ("Annelise", "Brandstetter", "en"),
    ("Thorvald", "Gustafsson", "en"),
    ("ปิยะนุช", "ทองประเสริฐ", "th"),
    ("Oluwaseun", "Adebayonle", "en"),
    ("Marguerite", "Delacroixe", "en"),
    ("วราภรณ์", "แสงจันทร์", "th"),
    ("Xiomara", "Villanuevas", "en"),
)

_TESTS: Final = (
    ("4548-4", "Hemoglobin A1c", "%", 5.6),
    ("2345-7", "Glucose", "mg/dL", 97.0),
    ("2160-0", "Creatinine", "mg/dL", 0.9),
)


def bundle() -> dict[str, Any]:
    """Make the bundle (FHIR R4, type collection); the same at every call."""
    resources: list[dict[str, Any]] = []
    for number, (given, family, language) in enumerate(_PEOPLE, start=1):
        resources.append(_patient(number, given, family, language))
        resources.extend(_observation(number, position) for position in range(len(_TESTS)))
        resources.append(_report(number, f"{given} {family}"))
    resources.append(_scan(3))
    resources.extend(_image(7))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def _patient(number: int, given: str, family: str, language: str) -> dict[str, Any]:
    telecom = [{"system": "phone", "value": f"08{number}-555-{7000 + number * 37}"}]
    if number != len(_PEOPLE):  # the last one has no address: her delivery is "unreachable"
        telecom.append({"system": "email", "value": f"inbox-{number:02}@mail.example"})
    return {
        "resourceType": "Patient",
        "id": f"synthetic-{number:02}",
        "identifier": [{"system": "urn:example:hn", "value": f"HN-{690_000 + number * 7919}"}],
        "name": [{"family": family, "given": [given]}],
        "telecom": telecom,
        "birthDate": f"{1950 + number * 4}-0{1 + number % 9}-1{number % 9}",
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}}],
    }


def _observation(number: int, position: int) -> dict[str, Any]:
    code, display, unit, normal = _TESTS[position]
    return {
        "resourceType": "Observation",
        "id": f"result-{number:02}-{position}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
        "subject": {"reference": f"Patient/synthetic-{number:02}"},
        "valueQuantity": {"value": round(normal * (1 + (number % 5) / 10), 2), "unit": unit},
    }


def _report(number: int, name: str) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"report-{number:02}",
        "status": "final",
        "code": {"text": "Metabolic panel"},
        "subject": {"reference": f"Patient/synthetic-{number:02}", "display": name},
        "result": [{"reference": f"Observation/result-{number:02}-{position}"} for position in range(len(_TESTS))],
        "conclusion": f"Values of {name} reviewed.",
    }


def _scan(number: int) -> dict[str, Any]:
    given, family, _ = _PEOPLE[number]
    return {
        "resourceType": "DocumentReference",
        "id": "scanned-report",
        "status": "current",
        "subject": {"reference": f"Patient/synthetic-{number + 1:02}"},
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "data": base64.b64encode(pdf(f"Scanned report for {given} {family}")).decode(),
                }
            }
        ],
    }


def _image(number: int) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "DocumentReference",
            "id": "wound-photo",
            "status": "current",
            "subject": {"reference": f"Patient/synthetic-{number:02}"},
            "content": [{"attachment": {"contentType": "image/png", "url": "Binary/wound-photo-data"}}],
        },
        {
            "resourceType": "Binary",
            "id": "wound-photo-data",
            "contentType": "image/png",
            "data": base64.b64encode(png(320, 240)).decode(),
        },
    ]


def pdf(line: str, /) -> bytes:
    """A one-page PDF (ISO 32000-1) that shows a line of Latin text."""
    text = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    content = f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
    fonts = b"<< /Font << /F1 5 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources %s >>" % fonts,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, item in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(body))
    )


def png(width: int, height: int, /) -> bytes:
    """A greyscale PNG (ISO/IEC 15948) with a soft gradient."""
    rows = b"".join(b"\0" + bytes((x * y // 300) & 0xFF for x in range(width)) for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
