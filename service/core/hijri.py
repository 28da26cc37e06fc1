"""Dates by the Umm al-Qura calendar, which Saudi administration writes beside the Gregorian one."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hijridate import Gregorian

from service.core.i18n import Language

SAUDI_TIME = ZoneInfo("Asia/Riyadh")  # UTC+3 the whole year
FIRST_DAY, LAST_DAY = date(1924, 8, 1), date(2077, 11, 16)  # of the published Umm al-Qura tables
RAMADAN = 9


@dataclass(frozen=True, order=True)
class HijriDate:
    year: int
    month: int  # 1 Muharram .. 12 Dhu al-Hijjah
    day: int
    month_en: str
    month_ar: str

    @property
    def iso(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    def text(self, language: Language) -> str:
        """Such as "15 Ramadan 1447" or "15 رمضان 1447"."""
        month = self.month_ar if language is Language.ARABIC else self.month_en
        return f"{self.day} {month} {self.year}"


def hijri_of_day(day: date) -> HijriDate | None:
    """The civil date, which changes at midnight and not at sunset; None outside the published tables."""
    if not FIRST_DAY <= day <= LAST_DAY:
        return None
    found = Gregorian.fromdate(day).to_hijri()
    return HijriDate(found.year, found.month, found.day, found.month_name("en"), found.month_name("ar"))


def hijri_of(at: datetime) -> HijriDate | None:
    """The date that it is in Saudi Arabia at that moment."""
    return hijri_of_day(at.astimezone(SAUDI_TIME).date())
