"""What citizens read, in Arabic and English: each step of a report in a sentence, and the message that carries it."""

from datasets.taxonomy import BY_KEY
from service.core.i18n import Language
from service.reports.states import Step

AR, EN = Language.ARABIC, Language.ENGLISH
OTHER = {AR: "أخرى", EN: "something else"}

STEPS: dict[Step, dict[Language, str]] = {
    Step.RECEIVED: {AR: "استلمنا بلاغكم.", EN: "We have received your report."},
    Step.INSPECTION: {AR: "قبلنا البلاغ وسيعاينه مراقب.", EN: "The report is accepted; an inspector will look at it."},
    Step.CONFIRMED: {AR: "تأكد البلاغ وصدر به أمر عمل.", EN: "The report is confirmed and a work order is open."},
    Step.WORK_BEGUN: {AR: "بدأ العمل في الموقع.", EN: "Work has begun."},
    Step.WORK_DONE: {AR: "أنجز العمل وهو قيد التحقق.", EN: "The work is done and is being checked."},
    Step.REFERRED: {AR: "أحيل البلاغ إلى الجهة المختصة.", EN: "The report was referred to the agency in charge."},
    Step.REJECTED: {AR: "لم يقبل البلاغ.", EN: "The report was not accepted."},
    Step.FIXED: {AR: "عولج البلاغ وتحققنا من المعالجة.", EN: "It is mended, and the repair was checked."},
    Step.GONE: {AR: "عاينا الموقع ولم يعد البلاغ قائما.", EN: "We looked and it is no longer there."},
    Step.CLOSED: {AR: "أغلق البلاغ.", EN: "The report is closed."},
    Step.REOPENED: {AR: "أعيد فتح البلاغ.", EN: "The report is open again."},
    Step.ANSWERED: {AR: "رد على بلاغكم.", EN: "An answer to your report."},
}
SUBJECT = {AR: "بلاغكم رقم {number}", EN: "Your report {number}"}
_ABOUT = {AR: "البلاغ {number}: {kind}", EN: "Report {number}: {kind}"}
_LINK = {
    AR: "قيموا المعالجة أو أعيدوا فتح البلاغ حتى {until}:\n{link}",
    EN: "Rate the result or open the report again until {until}:\n{link}",
}


def kind_name(class_key: str | None, language: Language) -> str:
    kind = BY_KEY.get(class_key or "")
    if kind is None:
        return OTHER[language]
    return kind.name_ar if language is AR else kind.name_en


def step_text(step: Step, note: str | None, language: Language, agency: str | None = None) -> str:
    """The sentence of a step, with the words that a person added."""
    told = [STEPS[step][language]]
    if step is Step.REFERRED and agency:
        told.append(f"({agency})")
    return " ".join([*told, *([note] if note else [])])


def message_text(
    number: str, class_key: str | None, step_words: str, language: Language, link: str | None, until: str
) -> str:
    """The body of a message; `link` with what it is for where the report may be rated."""
    parts = [_ABOUT[language].format(number=number, kind=kind_name(class_key, language)), step_words]
    if link is not None:
        parts.append(_LINK[language].format(until=until, link=link))
    return "\n\n".join(parts) + "\n"
