"""The words of an incident's report on paper, in English and Arabic side by side."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from datasets.taxonomy import BY_KEY
from service.core.hijri import SAUDI_TIME, hijri_of
from service.core.i18n import Language
from service.core.paper import left_to_right

_WORDS = {
    "closing": ("Closing report", "التقرير الختامي"),
    "interim": ("Report of an incident that lasts", "تقرير حالة قائمة"),
    "number": ("Incident", "رقم الحالة"),
    "kind": ("Kind", "النوع"),
    "rain": ("Rain", "أمطار"),
    "sandstorm": ("Sandstorm", "عاصفة رملية"),
    "other": ("Other", "أخرى"),
    "municipality": ("Municipality", "البلدية"),
    "area": ("Area", "النطاق"),
    "whole": ("the whole municipality", "كامل نطاق البلدية"),
    "km2": ("km²", "كم²"),
    "begun": ("Begun", "البداية"),
    "declared": ("Declared", "الإعلان"),
    "ended": ("Ended", "النهاية"),
    "lasts": ("lasts; as of", "قائمة؛ حتى"),
    "hours": ("hours", "ساعة"),
    "duration": ("Duration", "المدة"),
    "note": ("Note", "ملاحظة"),
    "phases": ("Phases and the rules that held", "المراحل والقواعد المطبقة"),
    "step": ("Step", "الخطوة"),
    "at": ("Time", "الوقت"),
    "rules": ("Rules", "القواعد"),
    "declare": ("declared", "إعلان"),
    "change": ("changed", "تعديل"),
    "end": ("ended", "إنهاء"),
    "usual": ("the usual rules", "القواعد المعتادة"),
    "points": ("points of priority", "نقاط أولوية"),
    "within": ("to be closed within", "الإغلاق خلال"),
    "a_day": ("orders a day", "أمراً في اليوم"),
    "summary": ("Summary", "الملخص"),
    "orders": ("Work orders", "أوامر العمل"),
    "found": ("Found", "المرصود"),
    "to_review": ("To review", "بانتظار المراجعة"),
    "received": ("Received", "الواردة"),
    "treated": ("Treated", "المعالجة"),
    "open": ("Open", "المتبقية"),
    "in_time": ("Treated in time", "المعالجة في الموعد"),
    "late": ("Late", "المتأخرة"),
    "to_start": ("Median hours to the start", "وسيط ساعات البدء"),
    "to_close": ("Median hours to the closing", "وسيط ساعات الإغلاق"),
    "start_h": ("Start, h", "البدء، س"),
    "close_h": ("Closing, h", "الإغلاق، س"),
    "by_class": ("By class", "حسب الصنف"),
    "class": ("Class", "الصنف"),
    "quantity": ("Quantity", "الكمية"),
    "units": ("Units engaged", "الوحدات المشاركة"),
    "unit": ("Unit", "الوحدة"),
    "no_unit": ("no unit", "بلا وحدة"),
    "waiting": ("Waiting", "قيد الانتظار"),
    "in_progress": ("In progress", "قيد التنفيذ"),
    "referrals": ("Referrals to other agencies", "الإحالات إلى جهات أخرى"),
    "agency": ("Agency", "الجهة"),
    "referred": ("Referred", "المحال"),
    "done": ("Done", "المنجز"),
    "declined": ("Declined", "المرفوض"),
    "returned": ("Returned", "المعاد"),
    "withdrawn": ("Withdrawn", "المسحوب"),
    "overdue": ("Overdue", "المتأخر رده"),
    "answer_h": ("Answer, h", "الرد، س"),
    "reports": ("Reports by citizens", "بلاغات المواطنين"),
    "closed": ("Closed", "المغلقة"),
    "rejected": ("Rejected", "المرفوضة"),
    "of_defects": ("With a defect", "المرتبطة بعنصر"),
    "before": ("Places that had it before", "المواقع المتكررة"),
    "before_told": (
        "{name}: found at {places} places of 130 m, {before} of them had it before, since {since}.",
        "{name}: رُصد في {places} من المواقع (130 م)، منها {before} تكرر فيها من قبل، منذ {since}.",
    ),
    "place": ("Place (lat, lon)", "الموقع (عرض، طول)"),
    "years": ("Years", "السنوات"),
    "episodes": ("Times", "المرات"),
    "last": ("Last", "آخر مرة"),
    "map": ("Map", "الخريطة"),
    "map_told": (
        "Numbers stand for the open orders of the list below; grey places are treated.",
        "الأرقام هي أوامر العمل المتبقية في القائمة أدناه، والرمادي ما عولج.",
    ),
    "left": ("What stays open", "ما لم يُنجز بعد"),
    "no": ("No.", "م"),
    "order": ("Order", "أمر العمل"),
    "state": ("State", "الحالة"),
    "due": ("Due", "الاستحقاق"),
    "none": ("None.", "لا يوجد."),
    "more": ("More stand in the report as JSON", "البقية في التقرير بصيغة JSON"),
    "hash": ("Fingerprint (SHA-256)", "بصمة التقرير (SHA-256)"),
    "notes": (
        "Times are Riyadh's. Orders are those that waited when the incident began or were opened while it lasted; "
        "hours count from the opening or the beginning, whichever is later. In time: done by when it was due then.",
        "الأوقات بتوقيت الرياض. تشمل الأوامر ما كان قائماً عند البداية وما فُتح خلالها، وتُحسب الساعات من الفتح أو من "
        "البداية أيهما أحدث. في الموعد: أُنجز قبل موعد استحقاقه حينها.",
    ),
    "m2": ("m²", "م²"),
    "m": ("m", "م"),
    "m3": ("m³", "م³"),
    "count": ("", ""),
}

_STATES = {
    "open": ("open", "مفتوح"),
    "assigned": ("assigned", "مسند"),
    "in_progress": ("in progress", "قيد التنفيذ"),
    "on_hold": ("on hold", "معلق"),
    "referred": ("referred", "محال"),
    "done": ("done, to be checked", "منجز بانتظار المعاينة"),
    "closed": ("closed later", "أُغلق لاحقاً"),
}


class Words:
    """In one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __getitem__(self, key: str) -> str:
        return self.either(*_WORDS[key])

    def either(self, english: str | None, arabic: str | None) -> str:
        return (arabic if self.language is Language.ARABIC else english) or ""

    def class_name(self, key: str) -> str:
        return self.either(BY_KEY[key].name_en, BY_KEY[key].name_ar)

    def order_state(self, state: str) -> str:
        return self.either(*_STATES[state])

    def moment(self, at: datetime) -> str:
        """Gregorian, and its Hijri date in a line below."""
        hijri = hijri_of(at)
        told = left_to_right(f"{at.astimezone(SAUDI_TIME):%Y-%m-%d %H:%M}")
        return f"{told}\n{hijri.text(self.language)}" if hijri else told

    def amount(self, quantity: float, unit: str | None) -> str:
        told = left_to_right(f"{quantity:,.2f}".rstrip("0").rstrip("."))
        return f"{told} {self[unit]}".strip() if unit else ""

    def rules(self, told: Mapping[str, Any]) -> str:
        """Each part in a line of its own, by name."""
        named = [
            *(
                f"{self.class_name(key)} {left_to_right(f'+{points:g}')} {self['points']}"
                for key, points in _sorted(told, "points")
            ),
            *(
                f"{self.class_name(key)} {self['within']} {hours:g} {self['hours']}"
                for key, hours in _sorted(told, "close_hours")
            ),
            *(f"{left_to_right(key)} {orders:g} {self['a_day']}" for key, orders in _sorted(told, "capacity")),
        ]
        return "\n".join(named)


def _sorted(told: Mapping[str, Any], part: str) -> list[tuple[str, float]]:
    return sorted(told.get(part, {}).items())
