"""What each indicator means, in both languages; the glossary has the same words, and the API returns them."""

from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """How a figure comes about, and so how it is continued into the future."""

    COUNT = "count"  # adds up day by day
    SHARE = "share"  # percent: met / of
    LEVEL = "level"  # as it stands at the end of the period


class Better(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Indicator:
    key: str
    shape: Shape
    unit: str  # orders, defects, %, m2, ...
    better: Better
    name_en: str
    name_ar: str
    means_en: str
    means_ar: str


S, B = Shape, Better
INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "observed", S.COUNT, "defects", B.NEITHER, "observed", "المرصود",
        "defects first recorded in the period, without those rejected or merged since",
        "التشوهات التي سُجلت أول مرة في الفترة، عدا ما رُفض أو دُمج بعد ذلك",
    ),
    Indicator(
        "received", S.COUNT, "orders", B.NEITHER, "received", "الوارد",
        "work orders opened in the period; an order that is opened again is received again",
        "أوامر العمل التي فُتحت في الفترة، ويُحسب الأمر المعاد فتحه واردا من جديد",
    ),
    Indicator(
        "cancelled", S.COUNT, "orders", B.NEITHER, "cancelled", "الملغى",
        "of the orders received in the period, those cancelled or merged into another",
        "ما أُلغي أو دُمج في غيره من الأوامر الواردة في الفترة",
    ),
    Indicator(
        "treated", S.COUNT, "orders", B.HIGHER, "treated", "المعالج",
        "of the orders received in the period, those whose repair has been found good by now",
        "ما ثبتت سلامة إصلاحه حتى الآن من الأوامر الواردة في الفترة",
    ),
    Indicator(
        "percent_treated", S.SHARE, "%", B.HIGHER, "% treated", "نسبة المعالجة",
        "treated, of the received that were not cancelled; a younger period has had less time",
        "نسبة المعالج من الوارد غير الملغى، والفترة الأحدث أُتيح لها وقت أقل",
    ),
    Indicator(
        "percent_in_time", S.SHARE, "%", B.HIGHER, "% within service level", "نسبة الالتزام بمدة الخدمة",
        "reported done by the due time, of the received that are done or past due; cancelled orders do not count, nor "
        "those that still have time or stood in time when put on hold",
        "ما أُنجز قبل موعد استحقاقه من الوارد المنجز أو المتأخر، عدا الملغى وما بقي له وقت وما عُلق قبل تأخره",
    ),
    Indicator(
        "percent_satisfied", S.SHARE, "%", B.HIGHER, "% satisfied", "نسبة الرضا",
        "reporters who said that they are satisfied, of those who rated a closed report in the period",
        "المبلّغون الراضون من الذين قيّموا بلاغا مغلقا في الفترة",
    ),
    Indicator(
        "open", S.LEVEL, "orders", B.LOWER, "open by age", "المفتوح حسب العمر",
        "orders not yet found good nor cancelled at the end of the period (now, if it has not ended), by days since "
        "they were opened",
        "الأوامر التي لم تثبت سلامة إصلاحها ولم تُلغ في نهاية الفترة (أو الآن إن لم تنته)، حسب الأيام منذ فتحها",
    ),
    Indicator(
        "completed", S.COUNT, "orders", B.HIGHER, "completed", "المكتمل",
        "orders whose repair was found good in the period, whenever they were received",
        "الأوامر التي ثبتت سلامة إصلاحها في الفترة أيا كان وقت ورودها",
    ),
    *(
        Indicator(
            f"completed_{unit}", S.COUNT, unit, B.HIGHER, f"completed, {en}", f"المكتمل بوحدة {ar}",
            f"quantity measured on site of the completed orders whose class is measured in {en}",
            f"الكمية المقيسة في الموقع للأوامر المكتملة التي يقاس صنفها بوحدة {ar}",
        )
        for unit, en, ar in (
            ("m2", "square metres", "المتر المربع"), ("m", "running metres", "المتر الطولي"),
            ("m3", "cubic metres", "المتر المكعب"), ("count", "pieces", "العدد"),
        )
    ),
    Indicator(
        "cost", S.COUNT, "SAR", B.NEITHER, "cost", "التكلفة",
        "charges less credits by the contracts' price lists, of the orders received in the period",
        "المستحق بعد الخصم حسب قوائم أسعار العقود لأوامر الفترة",
    ),
    Indicator(
        "percent_repairs_lasting", S.SHARE, "%", B.HIGHER, "% of repairs that last", "نسبة ديمومة الإصلاح",
        "not known to have failed by now, of the repairs reported done in the period and found good or failed; "
        "how long they last: GET /api/v1/repairs/durability",
        "ما لم يُعرف إخفاقه حتى الآن من إصلاحات الفترة التي ثبتت سلامتها أو أخفقت",
    ),
    Indicator(
        "percent_coverage", S.LEVEL, "%", B.HIGHER, "% coverage", "نسبة التغطية الرقمية",
        "metres of street seen at least once in the period (UTC days), of all metres of street; the target is 100",
        "أطوال الشوارع التي شوهدت مرة على الأقل في الفترة من مجموع أطوال الشوارع، والمستهدف 100",
    ),
    Indicator(
        "precision", S.SHARE, "%", B.HIGHER, "detector precision", "دقة الكشف الآلي",
        "accepted as the class the model named, of its boxes that people judged, by the day of the last verdict",
        "ما قُبل بالصنف الذي سماه النموذج من الإطارات التي حكم عليها المراقبون، بيوم آخر حكم",
    ),
)  # fmt: skip
BY_KEY: dict[str, Indicator] = {one.key: one for one in INDICATORS}
SHARES = tuple(one.key for one in INDICATORS if one.unit == "%")


def glossary_lines() -> list[str]:
    """The rows of the glossary's table of indicators."""
    return [f"| `{one.key}` | {one.name_en} | {one.name_ar} | {one.means_en} | {one.means_ar} |" for one in INDICATORS]
