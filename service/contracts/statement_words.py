"""The words of statements on paper and in Excel, in English and Arabic side by side."""

from datetime import datetime
from decimal import Decimal

from datasets.taxonomy import BY_KEY
from service.contracts.money import to_sar
from service.core.hijri import SAUDI_TIME
from service.core.i18n import Language

_WORDS = {
    "title": ("Monthly statement", "المستخلص الشهري"),
    "contract": ("Contract", "العقد"),
    "contractor": ("Contractor", "المقاول"),
    "municipality": ("Municipality", "البلدية"),
    "registration": ("Commercial registration", "السجل التجاري"),
    "vat_number": ("VAT number", "الرقم الضريبي"),
    "month": ("Month", "الشهر"),
    "state": ("State", "الحالة"),
    "draft": ("Draft, not issued", "مسودة غير صادرة"),
    "issued": ("Issued", "صادر"),
    "hash": ("Fingerprint (SHA-256)", "بصمة المستخلص (SHA-256)"),
    "summary": ("Summary", "الملخص"),
    "works": ("Works", "الأعمال"),
    "penalties": ("Penalties", "الغرامات"),
    "vat": ("VAT", "ضريبة القيمة المضافة"),
    "total": ("Total", "الإجمالي"),
    "amount": ("Amount (SAR)", "المبلغ (ريال)"),
    "works_sar": ("Works (SAR)", "الأعمال (ريال)"),
    "penalties_sar": ("Penalties (SAR)", "الغرامات (ريال)"),
    "by_class": ("Quantities by class", "الكميات حسب الصنف"),
    "class": ("Class", "الصنف"),
    "repairs": ("Repairs", "الإصلاحات"),
    "quantity": ("Quantity", "الكمية"),
    "unit": ("Unit", "الوحدة"),
    "orders": ("Work orders", "أوامر العمل"),
    "order": ("Order", "أمر العمل"),
    "size": ("Size class", "فئة الحجم"),
    "district": ("District", "الحي"),
    "crew": ("Unit of the contractor", "وحدة المقاول"),
    "opened": ("Opened", "فتح"),
    "due": ("Due", "الاستحقاق"),
    "done": ("Done", "الإنجاز"),
    "closed": ("Closed", "الإغلاق"),
    "lines": ("Lines", "البنود"),
    "deductions": ("Penalties and credits", "الغرامات والمبالغ المستردة"),
    "kind": ("Kind", "النوع"),
    "reason": ("Reason", "السبب"),
    "event": ("Event", "الحدث"),
    "at": ("Time", "الوقت"),
    "price": ("Price (SAR)", "السعر (ريال)"),
    "correction": ("Correction of", "تصحيح لشهر"),
    "durability": ("Durability of repairs in the past year", "ديمومة الإصلاحات خلال السنة الماضية"),
    "durability_sheet": ("Durability", "ديمومة الإصلاحات"),  # Excel takes 31 letters
    "failed_number": ("Failed", "أخفقت"),
    "good_30": ("Good after 30 days", "سليمة بعد 30 يوماً"),
    "good_90": ("Good after 90 days", "سليمة بعد 90 يوماً"),
    "median": ("Median days", "وسيط الأيام"),
    "all": ("All classes", "كل الأصناف"),
    "annex": (
        "Listed one by one in the Excel file of the same fingerprint",
        "مدرجة واحداً واحداً في ملف إكسل ذي البصمة نفسها",
    ),
    "none": ("Nothing to state.", "لا يوجد ما يذكر."),
    "times": ("Times are of Riyadh.", "الأوقات بتوقيت الرياض."),
    # kinds and reasons of entries
    "charge": ("Charge", "مستحق"),
    "credit": ("Credit", "مسترد"),
    "penalty": ("Penalty", "غرامة"),
    "cap": ("Cap", "سقف"),
    "repair": ("repair found good", "إصلاح مقبول"),
    "minimum": ("repair found good, minimum charge", "إصلاح مقبول بالحد الأدنى"),
    "unpriced": ("no fitting price in the list", "لا سعر مناسباً في القائمة"),
    "failed": ("repair failed within the warranty", "أخفق الإصلاح خلال الضمان"),
    "breach": ("not done when due", "لم ينجز في موعده"),
    "start_breach": ("not begun in time", "لم يبدأ في موعده"),
    "late_hour": ("hours late", "ساعات التأخير"),
    "failed_repair": ("penalty for a failed repair", "غرامة إصلاح مخفق"),
    "failed_inspection": ("refused by the inspection", "رفضته المعاينة"),
    "monthly_cap": ("penalties above the monthly cap", "ما زاد عن سقف الغرامات الشهري"),
    # sizes
    "small": ("small", "صغير"),
    "medium": ("medium", "متوسط"),
    "large": ("large", "كبير"),
    "unknown": ("unknown", "غير معروف"),
    # units of work
    "m2": ("m²", "م²"),
    "m": ("m", "م.ط"),
    "m3": ("m³", "م³"),
    "count": ("count", "عدد"),
}


class Words:
    """Looks up words of one language, and writes classes, numbers and times in it."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._side = 1 if language is Language.ARABIC else 0

    def __getitem__(self, key: str) -> str:
        return _WORDS[key][self._side]

    def either(self, english: str, arabic: str) -> str:
        return (english, arabic)[self._side]

    def class_name(self, key: str | None) -> str:
        if not key:
            return self["all"] if key == "" else ""
        found = BY_KEY[key]
        return self.either(found.name_en, found.name_ar)

    def reason(self, code: str, hours: int | None, lasted_days: float | None) -> str:
        """With the figure that it rests on."""
        if hours is not None:
            return f"{self[code]}: {hours}"
        if lasted_days is not None:
            return f"{self[code]} ({lasted_days:.1f} {self.either('days', 'يوم')})"
        return self[code]


def sar_text(halalas: int) -> str:
    return f"{to_sar(halalas):,.2f}"


def number_text(quantity: Decimal) -> str:
    """To the thousandth, as quantities are kept."""
    return f"{quantity:.3f}".rstrip("0").rstrip(".")


def riyadh_text(at: datetime | None) -> str:
    return f"{at.astimezone(SAUDI_TIME):%Y-%m-%d %H:%M}" if at else ""
