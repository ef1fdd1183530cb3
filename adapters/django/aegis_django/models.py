"""No table: a name for the trail, so that the admin can show it and permissions can be given."""

from django.db import models


class TrailEntry(models.Model):
    """An entry of the audit trail, for ``admin``; the entries themselves lie where the trail lies."""

    index = models.BigIntegerField(primary_key=True)  # type: ignore[var-annotated]

    class Meta:  # noqa: D106 - Django's
        managed = False
        default_permissions = ("view",)
        verbose_name = "entry"
        verbose_name_plural = "audit trail"

    def __str__(self) -> str:
        return f"entry {self.index}"
