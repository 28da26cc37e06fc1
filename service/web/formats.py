"""How values look to a person: Saudi time, numbers with Latin digits, names in the language of the page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from datasets.taxonomy import BY_KEY, Unit
from service.core.hijri import SAUDI_TIME
from service.core.i18n import Language
from service.web.words import UNITS

SWITCH_AT = 2  # 40 hours stay hours, 50 are two days: a rounded "1 day" would hide half a day
PATTERNS = {Language.ARABIC: "d MMM y، HH:mm", Language.ENGLISH: "d MMM y, HH:mm"}


class Named(Protocol):
    @property
    def name_en(self) -> str: ...
    @property
    def name_ar(self) -> str: ...


@dataclass(frozen=True)
class Formats:
    """The filters of one language's templates; `text` translates a message."""

    language: Language
    text: Callable[[str], str]

    @property
    def locale(self) -> Locale:
        return Locale("ar", "SA") if self.language is Language.ARABIC else Locale("en")

    def moment(self, at: datetime) -> str:
        return format_datetime(at, PATTERNS[self.language], tzinfo=SAUDI_TIME, locale=self.locale)

    def when(self, at: datetime) -> Markup:
        return self._time(at, self.moment(at))

    def ago(self, at: datetime, now: datetime) -> Markup:
        """Distance to `now` in words ("3 hours ago", "in 2 days"), with the exact time as its title."""
        said = format_timedelta(at - now, add_direction=True, threshold=SWITCH_AT, locale=self.locale)
        return self._time(at, said)

    def span(self, start: datetime, end: datetime) -> str:
        """A length of time in words, without direction."""
        return format_timedelta(abs(end - start), threshold=SWITCH_AT, locale=self.locale)

    def percent(self, share: float) -> str:
        return format_percent(share, locale=self.locale)

    def number(self, value: float) -> str:
        return format_decimal(value, format="#,##0.##", locale=self.locale)

    def quantity(self, value: float | None, unit: str) -> str:
        """Such as "0.8 m²"; a dash where nobody could measure it."""
        return "—" if value is None else f"{self.number(value)} {self.text(UNITS[Unit(unit)])}"

    def measure(self, value: float | None, sd: float | None, unit: str) -> str:
        """A quantity with its standard deviation where one is known, such as "0.8 ± 0.2 m²"."""
        if value is None or sd is None:
            return self.quantity(value, unit)
        return f"{self.number(value)} ± {self.number(sd)} {self.text(UNITS[Unit(unit)])}"

    def name(self, thing: Named) -> str:
        return thing.name_ar if self.language is Language.ARABIC else thing.name_en

    def class_name(self, key: str) -> str:
        name = self.name(BY_KEY[key])
        return name[:1].upper() + name[1:]

    def _time(self, at: datetime, said: str) -> Markup:
        utc = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(utc, self.moment(at), said)
