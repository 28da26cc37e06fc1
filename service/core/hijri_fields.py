"""How a Hijri date is sent beside a Gregorian one."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from service.core.hijri import HijriDate, hijri_of, hijri_of_day
from service.core.i18n import Language


class HijriOut(BaseModel):
    """A date of the Umm al-Qura calendar, as it was in Saudi Arabia at that moment."""

    date: str = Field(description="year-month-day, Hijri", examples=["1447-09-15"])
    en: str = Field(examples=["15 Ramadan 1447"])
    ar: str = Field(examples=["15 رمضان 1447"])


def hijri_out(told: datetime | date | None) -> HijriOut | None:
    """None for no time, and for those outside the published tables (1924 to 2077)."""
    if told is None:
        return None
    found: HijriDate | None = hijri_of(told) if isinstance(told, datetime) else hijri_of_day(told)
    if found is None:
        return None
    return HijriOut(date=found.iso, en=found.text(Language.ENGLISH), ar=found.text(Language.ARABIC))
