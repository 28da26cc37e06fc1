"""An incident's report as a document: what it was, what was done, who took part, and what stays open."""

from collections.abc import Sequence

from service.control.incident_schemas import AgencyFiguresOut, ClassFiguresOut, IncidentReportOut, OpenOrderOut
from service.control.incident_words import Words
from service.core.i18n import Language
from service.core.paper import Align, Column, Paper, left_to_right
from service.core.paper_map import LonLat, Sketch, Spot, draw_map
from service.core.tables import JsonObject

MAP_MM = 95.0
ORDERS_ON_PAPER = 300  # more stand in JSON alone
CELLS_ON_PAPER = 20
HEADED_MM = 38.0  # a heading with the head of its table and two rows


def report_pdf(report: IncidentReportOut, language: Language) -> bytes:
    """The same report gives the same bytes; that of an incident that lasts says so on every page."""
    words = Words(language)
    title = words["closing" if report.final else "interim"]
    footer = f"{title} · {left_to_right(str(report.incident.id))} · {report.incident.name}"
    paper = Paper(f"{title} {report.incident.id}", language, report.figures.until, footer=footer)
    paper.heading(title)
    paper.paragraph(report.incident.name, strong=True)
    paper.facts(_facts(report, words))
    _summary(paper, report, words)
    _phases(paper, report, words)
    _classes(paper, report, words)
    _units(paper, report, words)
    _agencies(paper, report, words)
    _before(paper, report, words)
    _map(paper, report, words)
    _left(paper, report, words)
    paper.paragraph(words["notes"], small=True)
    paper.paragraph(f"{words['hash']}: {left_to_right(report.sha256)}", small=True)
    return paper.to_bytes()


def _facts(report: IncidentReportOut, words: Words) -> list[tuple[str, str]]:
    incident, ended_at = report.incident, report.incident.ended_at
    area = words["whole"] if report.area_km2 is None else f"{left_to_right(f'{report.area_km2:,}')} {words['km2']}"
    until = words.moment(ended_at) if ended_at else f"{words['lasts']} {words.moment(report.figures.until)}"
    facts = [
        (words["number"], str(incident.id)),
        (words["kind"], words[incident.kind.value]),
        (words["municipality"], words.either(report.municipality_en, report.municipality_ar)),
        (words["area"], area),
        (words["begun"], words.moment(incident.starts_at)),
        (words["declared"], words.moment(report.declared_at)),
        (words["ended"], until),
        (words["duration"], f"{left_to_right(f'{report.figures.hours:g}')} {words['hours']}"),
    ]
    return [*facts, (words["note"], incident.note)] if incident.note else facts


def _summary(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    figures, reports = report.figures, report.figures.reports
    _heading(paper, words["summary"])
    paper.facts([
        (words["received"], _number(figures.orders)), (words["treated"], _share(figures.closed, figures.orders)),
        (words["open"], _number(figures.waiting)), (words["in_time"], _share(figures.in_time, figures.closed)),
        (words["late"], _number(figures.late)), (words["to_start"], _hours(figures.hours_to_start)),
        (words["to_close"], _hours(figures.hours_to_close)), ("", ""),
    ])  # fmt: skip
    _heading(paper, words["reports"])
    columns = [Column(words[key]) for key in ("received", "closed", "waiting", "rejected", "of_defects")]
    told = (reports.received, reports.closed, reports.waiting, reports.rejected, reports.of_known_defects)
    paper.table(columns, [[_number(one) for one in told]])


def _phases(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    _heading(paper, words["phases"])
    columns = [Column(words["at"], 1.6), Column(words["step"], 0.8), Column(words["rules"], 3)]
    rows = [[words.moment(one.at), words[one.action], _rules(one.action, one.rules, words)] for one in report.phases]
    _table(paper, columns, rows, words)


def _rules(action: str, rules: JsonObject | None, words: Words) -> str:
    if action == "end":
        return words["usual"]
    return words.rules(rules) or words["usual"] if rules is not None else "-"


def _classes(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    _heading(paper, words["by_class"])
    counts = ("found", "received", "treated", "open", "in_time", "late", "start_h", "close_h")
    columns = [Column(words["class"], 1.8), *(Column(words[one], 1, Align.END) for one in counts)]
    columns.append(Column(words["quantity"], 1.3, Align.END))
    _table(paper, columns, [_class(one, words) for one in report.figures.classes], words)


def _class(one: ClassFiguresOut, words: Words) -> list[str]:
    counts = (one.found, one.orders, one.closed, one.waiting, one.in_time, one.late)
    hours = (_hours(one.hours_to_start), _hours(one.hours_to_close))
    amount = words.amount(one.quantity, one.quantity_unit)
    return [words.class_name(one.class_key), *map(_number, counts), *hours, amount]


def _units(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    _heading(paper, words["units"])
    counts = ("waiting", "in_progress", "treated")
    columns = [Column(words["unit"], 3), *(Column(words[one], 1, Align.END) for one in counts)]
    rows = [
        [
            words.either(one.name_en, one.name_ar) or words["no_unit"],
            *map(_number, (one.waiting, one.in_progress, one.closed)),
        ]
        for one in report.figures.units
    ]
    _table(paper, columns, rows, words)


def _agencies(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    _heading(paper, words["referrals"])
    counts = ("referred", "done", "declined", "returned", "withdrawn", "waiting", "overdue", "answer_h")
    columns = [Column(words["agency"], 2), *(Column(words[one], 1, Align.END) for one in counts)]
    _table(paper, columns, [_agency(one, words) for one in report.figures.agencies], words)


def _agency(one: AgencyFiguresOut, words: Words) -> list[str]:
    counts = (one.referred, one.done, one.declined, one.returned, one.withdrawn, one.waiting, one.overdue)
    return [words.either(one.name_en, one.name_ar), *map(_number, counts), _hours(one.hours_to_answer)]


def _before(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    found = report.places_before
    if found is None:
        return
    _heading(paper, words["before"])
    name, since = words.class_name(found.class_key), left_to_right(found.since.isoformat())
    told = words["before_told"].format(name=name, places=found.places, before=found.before, since=since)
    paper.paragraph(told)
    columns = [
        Column(words["place"], 2), Column(words["years"], 1, Align.END), Column(words["episodes"], 1, Align.END),
        Column(words["last"], 1.4),
    ]  # fmt: skip
    rows = [
        [left_to_right(f"{one.centre[0]:.5f}, {one.centre[1]:.5f}"), _number(one.years), _number(one.episodes),
         left_to_right(one.last_on.isoformat())]
        for one in found.cells[:CELLS_ON_PAPER]
    ]  # fmt: skip
    if rows:
        paper.table(columns, rows)


def _map(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    spots = [
        *(Spot(str(number), one.lon, one.lat) for number, one in enumerate(_on_paper(report), 1)),
        *(Spot("", lon, lat, pale=True) for lat, lon in report.closed_places[:ORDERS_ON_PAPER]),
    ]
    ways = _outline(report.incident.area)
    if not spots and not ways:
        return
    paper.keep(MAP_MM + 20)  # the heading stays with the map
    _heading(paper, words["map"])
    draw_map(paper, Sketch(spots, ways), MAP_MM)
    paper.paragraph(words["map_told"], small=True)


def _outline(area: JsonObject | None) -> list[list[LonLat]]:
    """The rings of a GeoJSON polygon or of many."""
    if area is None:
        return []
    polygons = area["coordinates"] if area["type"] == "MultiPolygon" else [area["coordinates"]]
    return [[(float(lon), float(lat)) for lon, lat, *_ in ring] for polygon in polygons for ring in polygon]


def _left(paper: Paper, report: IncidentReportOut, words: Words) -> None:
    _heading(paper, f"{words['left']} ({_number(len(report.open_orders))})")
    columns = [
        Column(words["no"], 0.4), Column(words["order"], 0.7), Column(words["class"], 1.3), Column(words["state"], 0.9),
        Column(words["unit"], 1.6), Column(words["due"], 1.9), Column(words["place"], 1.8),
    ]  # fmt: skip
    rows = [_open_order(number, one, words) for number, one in enumerate(_on_paper(report), 1)]
    _table(paper, columns, rows, words)
    if len(report.open_orders) > len(rows):
        paper.paragraph(f"{words['more']}: {len(report.open_orders) - len(rows):,}")


def _open_order(number: int, one: OpenOrderOut, words: Words) -> list[str]:
    due = words.moment(one.due_at)
    return [
        str(number),
        str(one.order_id),
        words.class_name(one.class_key),
        words.order_state(one.state),
        words.either(one.unit_en, one.unit_ar) or words["no_unit"],
        f"{due}\n{words['late']}" if one.late else due,
        left_to_right(f"{one.lat:.5f}, {one.lon:.5f}"),
    ]


def _on_paper(report: IncidentReportOut) -> Sequence[OpenOrderOut]:
    return report.open_orders[:ORDERS_ON_PAPER]


def _heading(paper: Paper, text: str) -> None:
    paper.keep(HEADED_MM)
    paper.heading(text, 2)


def _table(paper: Paper, columns: list[Column], rows: list[list[str]], words: Words) -> None:
    if rows:
        paper.table(columns, rows)
    else:
        paper.paragraph(words["none"])


def _number(count: int) -> str:
    return f"{count:,}"


def _share(count: int, of: int) -> str:
    return f"{_number(count)} ({left_to_right(f'{100 * count / of:.0f} %')})" if of else _number(count)


def _hours(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:g}"
