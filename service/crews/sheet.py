"""A crew's day on paper: a map with numbered stops, the list, materials, and each stop with its photo."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from service.core.hijri import SAUDI_TIME, hijri_of
from service.core.i18n import Language, choose
from service.core.paper import Column, Paper, left_to_right
from service.core.paper_map import LonLat, Sketch, Spot, draw_map
from service.crews.models import CrewPlan, PlanStop
from service.crews.planning import Why
from service.crews.words import UNITS, WHY, assumptions, class_name, word

MAP_MM, PHOTO_MM, PHOTO_WIDE_MM, HEADING_MM, TEXT_MM = 95.0, 42.0, 60.0, 12.0, 28.0


def plan_pdf(
    plan: CrewPlan, photos: Mapping[int, bytes | None], streets: Sequence[Sequence[LonLat]], language: Language
) -> bytes:
    """`photos` by work order; the same plan, photos and streets give the same bytes."""
    unit = choose((plan.unit.name_en, plan.unit.name_ar), language)
    title = f"{word('title', language)} · {unit}"
    day = f"{plan.shift_starts_at.astimezone(SAUDI_TIME):%Y-%m-%d}"
    paper = Paper(title, language, plan.made_at, footer=f"{unit} · {left_to_right(f'{day} v{plan.version}')}")
    paper.heading(title)
    paper.facts(_facts(plan, unit, day, language))
    draw_map(paper, _sketch(plan, streets), MAP_MM)
    _stops(paper, plan, language)
    _materials(paper, plan, language)
    _skipped(paper, plan, language)
    _notes(paper, plan, language)
    _places(paper, plan, photos, language)
    return paper.to_bytes()


def _facts(plan: CrewPlan, unit: str, day: str, language: Language) -> list[tuple[str, str]]:
    summary, hijri = plan.summary, hijri_of(plan.shift_starts_at)
    place = plan.unit.municipality
    told_break = summary["break_at"]
    return [
        (word("unit", language), unit),
        (word("municipality", language), choose((place.name_en, place.name_ar), language)),
        (word("day", language), left_to_right(day) + (f" · {hijri.text(language)}" if hijri else "")),
        (word("shift", language), left_to_right(f"{_clock(plan.shift_starts_at)} - {_clock(plan.shift_ends_at)}")),
        (word("version", language), left_to_right(f"{plan.id}, {plan.version}")),
        (word("stops", language), str(len(plan.stops))),
        (word("of_them_finished", language), str(summary["finished"])),
        (word("way", language), _kilometres(summary["drive_m"], language)),
        (word("driving", language), _minutes(summary["drive_s"], language)),
        (word("work", language), _minutes(summary["work_s"], language)),
        (word("break", language), _clock(datetime.fromisoformat(told_break)) if told_break else word("none", language)),
        (word("back", language), _clock(datetime.fromisoformat(summary["back_at"]))),
    ]


def _sketch(plan: CrewPlan, streets: Sequence[Sequence[LonLat]]) -> Sketch:
    spots = [Spot(str(stop.position), stop.lon, stop.lat, stop.finished) for stop in plan.stops]
    legs = [stop.path for stop in plan.stops if not stop.finished] + [plan.summary["back_path"]]
    ways = [[(lon, lat) for lon, lat in leg] for leg in legs if len(leg) > 1]
    ends = [Spot("", lon, lat, pale=True) for lon, lat in (plan.summary["start"], plan.summary["end"])]
    return Sketch([*spots, *ends], ways, streets)


def _stops(paper: Paper, plan: CrewPlan, language: Language) -> None:
    columns = [
        Column(word("number", language), 0.5), Column(word("arrives", language), 0.8),
        Column(word("order", language), 0.8), Column(word("defect", language), 2.2),
        Column(word("quantity", language), 1.1), Column(word("due", language), 1.5),
        Column(word("done", language), 0.8),
    ]  # fmt: skip
    paper.heading(word("stops", language), 2)
    paper.table(columns, [_stop_row(stop, language) for stop in plan.stops])


def _stop_row(stop: PlanStop, language: Language) -> list[str]:
    name = class_name(stop.class_key, language)
    return [
        str(stop.position), _clock(stop.arrives_at), str(stop.work_order_id),
        f"{name} · {word('urgent', language)}" if stop.must else name,
        _quantity(stop.quantity, stop.quantity_unit, language),
        left_to_right(f"{stop.due_at.astimezone(SAUDI_TIME):%m-%d %H:%M}"),
        _clock(stop.leaves_at) if stop.finished else "",
    ]  # fmt: skip


def _materials(paper: Paper, plan: CrewPlan, language: Language) -> None:
    needed = plan.summary["materials"]
    if not needed:
        return
    columns = [
        Column(word("material", language), 1.4), Column(word("amount", language), 1),
        Column(word("orders", language), 1.2), Column(word("assumes", language), 2.6),
    ]  # fmt: skip
    rows = []
    for one in needed:
        unknown = f" ({one['unknown_orders']} {word('unknown', language)})" if one["unknown_orders"] else ""
        rows.append([
            choose((one["name_en"], one["name_ar"]), language), _quantity(one["amount"], one["unit"], language),
            f"{one['orders']}{unknown}", choose((one["assumes"], one["assumes_ar"]), language),
        ])  # fmt: skip
    paper.heading(word("materials", language), 2)
    paper.table(columns, rows)


def _skipped(paper: Paper, plan: CrewPlan, language: Language) -> None:
    if not plan.skipped:
        return
    columns = [
        Column(word("order", language), 0.7), Column(word("defect", language), 1.4), Column(word("why", language), 3)
    ]  # fmt: skip
    rows = []
    for one in plan.skipped:
        name = class_name(one["class_key"], language)
        told = f"{name} · {word('urgent', language)}" if one["must"] else name
        rows.append([str(one["work_order_id"]), told, choose(WHY[Why(one["why"])], language)])
    paper.heading(word("skipped", language), 2)
    paper.table(columns, rows)


def _notes(paper: Paper, plan: CrewPlan, language: Language) -> None:
    paper.heading(word("notes", language), 2)
    for told in assumptions(plan.summary, language):
        paper.paragraph(told, small=True)


def _places(paper: Paper, plan: CrewPlan, photos: Mapping[int, bytes | None], language: Language) -> None:
    left = [stop for stop in plan.stops if not stop.finished]
    if not left:
        return
    paper.keep(HEADING_MM + TEXT_MM + PHOTO_MM)
    paper.heading(word("places", language), 2)
    for stop in left:
        _place(paper, stop, photos.get(stop.work_order_id), language)


def _place(paper: Paper, stop: PlanStop, photo: bytes | None, language: Language) -> None:
    """The photo beside nothing else: the crew writes its notes there."""
    paper.keep(TEXT_MM + (PHOTO_MM if photo else 0))
    paper.heading(f"{stop.position} · {class_name(stop.class_key, language)} · {stop.work_order_id}", 3)
    paper.facts([
        (word("arrives", language), _clock(stop.arrives_at)),
        (word("quantity", language), _quantity(stop.quantity, stop.quantity_unit, language)),
        (word("place", language), left_to_right(f"{stop.lat:.6f}, {stop.lon:.6f}")),
        (word("from_before", language), _kilometres(stop.drive_m, language)),
    ])  # fmt: skip
    if photo is None:
        paper.paragraph(word("no_photo", language), small=True)
        return
    top = paper.pdf.get_y()
    paper.place_picture(photo, 0.0, top, PHOTO_WIDE_MM, PHOTO_MM)
    paper.pdf.set_y(top + PHOTO_MM)
    paper.space(3)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SAUDI_TIME):%H:%M}"


def _kilometres(metres: float, language: Language) -> str:
    return f"{left_to_right(f'{metres / 1000:.1f}')} {word('kilometres', language)}"


def _minutes(seconds: int, language: Language) -> str:
    return f"{left_to_right(f'{seconds / 60:.0f}')} {word('minutes', language)}"


def _quantity(quantity: float | None, unit: str, language: Language) -> str:
    if quantity is None:
        return "?"
    return f"{left_to_right(f'{quantity:,.2f}'.rstrip('0').rstrip('.'))} {choose(UNITS[unit], language)}".strip()
