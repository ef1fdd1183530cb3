"""What patients are told: that something is ready, not what. The words hold no name and no result."""

from typing import ClassVar, Final

import attrs

from aegis_core.notifications.model import Message
from aegis_core.notifications.template import Content, Template


@attrs.frozen(kw_only=True)
class ResultsReady(Message):
    """New documents lie in the patient's file."""

    template: ClassVar[str] = "results-ready"


RESULTS_READY: Final = Template(
    ResultsReady,
    {
        "en": {
            "email": Content(
                subject="News from your clinic",
                text=(
                    "Dear patient,\n\n"
                    "something new lies in your file. Sign in to the portal to read it, or ring the front desk.\n\n"
                    "Your clinic\n"
                ),
            )
        },
        "th": {
            "email": Content(
                subject="ข่าวสารจากคลินิก",
                text=("เรียน ผู้รับบริการ\n\nมีเอกสารใหม่ในแฟ้มของท่าน กรุณาเข้าสู่ระบบเพื่ออ่าน หรือโทรหาเคาน์เตอร์\n\nคลินิกของท่าน\n"),
            )
        },
    },
)
