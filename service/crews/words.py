"""The words of a crew's sheet in both languages, and what a plan takes for granted."""

from datasets.taxonomy import BY_KEY
from service.core.i18n import Language, choose
from service.core.tables import JsonObject
from service.crews.planning import Why
from service.crews.travel import Measured

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Crew plan", "خطة عمل الفرقة"),
    "unit": ("Unit", "الوحدة"),
    "municipality": ("Municipality", "البلدية"),
    "day": ("Day", "اليوم"),
    "shift": ("Shift", "الوردية"),
    "version": ("Plan, version", "الخطة، الإصدار"),
    "stops": ("Stops", "المحطات"),
    "of_them_finished": ("Finished of them", "المنجز منها"),
    "way": ("Way still to drive", "المسافة المتبقية"),
    "driving": ("Driving", "زمن القيادة"),
    "work": ("Work", "زمن العمل"),
    "break": ("Break", "الاستراحة"),
    "back": ("Back at", "العودة"),
    "none": ("none", "لا يوجد"),
    "number": ("No.", "م"),
    "arrives": ("At", "الوصول"),
    "order": ("Order", "أمر العمل"),
    "defect": ("Defect", "العنصر"),
    "quantity": ("Quantity", "الكمية"),
    "due": ("Due", "الاستحقاق"),
    "done": ("Done", "منجز"),
    "urgent": ("urgent", "عاجل"),
    "materials": ("Materials", "المواد"),
    "material": ("Material", "المادة"),
    "amount": ("Amount", "الكمية"),
    "orders": ("Orders", "الأوامر"),
    "unknown": ("without estimate", "بلا تقدير"),
    "assumes": ("Reckoned with", "أساس الحساب"),
    "skipped": ("Not in this shift", "خارج هذه الوردية"),
    "why": ("Why", "السبب"),
    "places": ("Stop by stop", "تفاصيل المحطات"),
    "place": ("Place (lat, lon)", "الموقع (عرض، طول)"),
    "from_before": ("From the stop before", "من المحطة السابقة"),
    "no_photo": ("No photo is kept of this defect.", "لا توجد صورة محفوظة لهذا العنصر."),
    "notes": ("Notes", "ملاحظات"),
    "minutes": ("min", "دقيقة"),
    "kilometres": ("km", "كم"),
}

UNITS: dict[str, tuple[str, str]] = {
    "m2": ("m²", "م²"), "m": ("m", "م"), "m3": ("m³", "م³"), "count": ("", ""), "kg": ("kg", "كجم"), "l": ("l", "لتر"),
}  # fmt: skip

WHY: dict[Why, tuple[str, str]] = {
    Why.SHIFT_FULL: ("the shift is full", "امتلأت الوردية"),
    Why.TOO_LONG: ("alone it takes longer than what is left of the shift", "يستغرق وحده أكثر مما بقي من الوردية"),
    Why.CAPACITY: ("the unit's number of orders a day is reached", "بلغت الوحدة عدد أوامرها اليومي"),
    Why.LOAD: ("the vehicle does not carry the material for it", "لا تتسع المركبة لمواده"),
}

MEASURED: dict[Measured, tuple[str, str]] = {
    Measured.ROADS: ("Distances run along the imported streets.", "المسافات محسوبة على شبكة الشوارع المستوردة."),
    Measured.MIXED: (
        "Distances run along the imported streets where they lead; elsewhere they are straight lines times {factor:g}.",
        "المسافات على شبكة الشوارع المستوردة حيث تصل، وفي غيرها خطوط مستقيمة مضروبة في {factor:g}.",
    ),
    Measured.GREAT_CIRCLE: (
        "No street network is imported here: distances are straight lines times {factor:g}.",
        "لا توجد شبكة شوارع مستوردة هنا: المسافات خطوط مستقيمة مضروبة في {factor:g}.",
    ),
}
ONE_WAY = (
    "Streets are taken to be open both ways.",
    "تُعد الشوارع مفتوحة في الاتجاهين.",
)  # the import keeps no direction
SPEED = ("The crew drives {speed:g} km/h on average.", "متوسط سرعة الفرقة {speed:g} كم/س.")


def word(key: str, language: Language) -> str:
    return choose(WORDS[key], language)


def class_name(class_key: str, language: Language) -> str:
    kind = BY_KEY[class_key]
    return kind.name_ar if language is Language.ARABIC else kind.name_en


def assumptions(summary: JsonObject, language: Language) -> list[str]:
    measured = Measured(summary["measured"])
    told = [choose(MEASURED[measured], language).format(factor=summary["detour_factor"])]
    if measured is not Measured.GREAT_CIRCLE:
        told.append(choose(ONE_WAY, language))
    return [*told, choose(SPEED, language).format(speed=summary["speed_kmh"])]
