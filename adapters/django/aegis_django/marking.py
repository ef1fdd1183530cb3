"""Marks on the fields of models: your own, and those of others."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from aegis_core import DataClass, Problem, mark, marks_of
from aegis_core.kernel.problems import did_you_mean

F = TypeVar("F", bound="models.Field[Any, Any]")


def marked(field: F, data_class: DataClass, /) -> F:
    """Say what a field of a model holds.

    As in ``mrn = marked(models.CharField(max_length=20), PHI.MRN)``. The column stays as it is, and there is nothing to
    migrate. Abstract models hand their marks down.

    Returns:
        The field itself.
    """
    field.data_class = data_class  # type: ignore[attr-defined]
    return field


def mark_table(table: Mapping[str, Mapping[str, DataClass]], /) -> list[Problem]:
    """Mark models that are not yours, and learn the names of those that are.

    Arguments:
        table: ``"app.Model"`` → field → class.

    Returns:
        What names no model or no field.
    """
    problems: list[Problem] = []
    for label, fields in table.items():
        place = f'AEGIS["MARKS"]["{label}"]'
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            hint = did_you_mean(label, [known._meta.label for known in apps.get_models()])
            problems.append(Problem(place, "is no model", "settings", hint))
            continue
        found: dict[str, DataClass] = {}
        for name, data_class in fields.items():
            try:
                # Of a foreign key an instance holds `patient_id`.
                found[getattr(model._meta.get_field(name), "attname", name)] = data_class
            except FieldDoesNotExist:
                hint = did_you_mean(name, [known.name for known in model._meta.get_fields()])
                problems.append(Problem(f'{place}["{name}"]', "is no field", "settings", hint))
        mark(model, **found)
    for model in apps.get_models():
        marks_of(model)
    return problems


def remember(sender: type[models.Model], **_: object) -> None:
    """Hand the marks of a model on to its past: migrations make classes of their own, from names and columns."""
    if sender.__module__ != "__fake__":
        return
    try:
        marks = marks_of(apps.get_model(sender._meta.label))
    except LookupError:  # of a model that is no more
        return
    for field in sender._meta.local_concrete_fields:
        data_class = marks.get(field.attname)
        if data_class is not None:
            marked(field, data_class)
