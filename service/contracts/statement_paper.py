"""A statement as a document to sign: totals first, then quantities, every order, and each deduction with its reason."""

from datetime import datetime

from service.contracts.ledger import Entry, EntryKind
from service.contracts.statement import DurabilityRow, OrderRow, Statement
from service.contracts.statement_words import Words, number_text, riyadh_text, sar_text
from service.contracts.statements import Stated
from service.core.i18n import Language
from service.core.paper import Align, Column, Paper, left_to_right

ORDERS_ON_PAPER = 300  # more stand in the Excel file alone: 2,000 took 25 s to set


def statement_pdf(stated: Stated, language: Language) -> bytes:
    """The same statement gives the same bytes; a draft says so on every page."""
    statement, words = stated.statement, Words(language)
    state = words["issued" if stated.issued else "draft"]
    footer = f"{left_to_right(statement.header.reference)} · {left_to_right(statement.month)} · {state}"
    title = f"{words['title']} {statement.header.reference} {statement.month}"
    paper = Paper(title, language, _made_at(stated), footer=footer, landscape=True)
    paper.heading(f"{words['title']} · {left_to_right(statement.month)}")
    paper.facts(_facts(stated, words, state))
    _totals(paper, statement, words)
    _classes(paper, statement, words)
    _deductions(paper, statement, words)
    _durability(paper, statement, words)
    _orders(paper, statement, words)
    paper.paragraph(f"{words['hash']}: {left_to_right(stated.sha256)}", small=True)
    paper.paragraph(words["times"], small=True)
    return paper.to_bytes()


def _made_at(stated: Stated) -> datetime:
    return stated.issued.issued_at if stated.issued else stated.statement.until_at


def _facts(stated: Stated, words: Words, state: str) -> list[tuple[str, str]]:
    header = stated.statement.header
    return [
        (words["contract"], left_to_right(header.reference)),
        (words["municipality"], words.either(header.municipality_en, header.municipality_ar)),
        (words["contractor"], words.either(header.contractor_en, header.contractor_ar)),
        (words["registration"], left_to_right(header.registration)),
        (words["vat_number"], left_to_right(header.vat_number) if header.vat_number else "-"),
        (words["state"], state),
    ]


def _totals(paper: Paper, statement: Statement, words: Words) -> None:
    totals = statement.totals
    vat = f"{words['vat']} {left_to_right(f'{statement.terms.vat_percent.normalize():f} %')}"
    rows = [
        (words["works"], totals.works_halalas), (vat, totals.vat_halalas),
        (words["penalties"], totals.penalties_halalas),
    ]  # fmt: skip
    columns = [Column(words["summary"], 3), Column(words["amount"], 1, Align.END)]
    total = [words["total"], _money(totals.total_halalas)]
    paper.table(columns, [[name, _money(amount)] for name, amount in rows], total=total)


def _classes(paper: Paper, statement: Statement, words: Words) -> None:
    paper.heading(words["by_class"], 2)
    columns = [
        Column(words["class"], 3), Column(words["repairs"], 1, Align.END), Column(words["quantity"], 1, Align.END),
        Column(words["unit"], 1), Column(words["works_sar"], 1, Align.END),
    ]  # fmt: skip
    rows = [
        [words.class_name(one.class_key), str(one.repairs), left_to_right(number_text(one.quantity)),
         words[one.quantity_unit] if one.quantity_unit else "", _money(one.works_halalas)]
        for one in statement.classes
    ]  # fmt: skip
    _table(paper, columns, rows, words)


def _deductions(paper: Paper, statement: Statement, words: Words) -> None:
    """Whatever is not simply a good repair at its price."""
    lines = [
        line for line in statement.lines if line.correction or line.kind is not EntryKind.CHARGE or not line.price_id
    ]
    paper.heading(words["deductions"], 2)
    columns = [
        Column(words["order"], 0.8), Column(words["kind"], 0.8), Column(words["reason"], 3),
        Column(words["event"], 0.8), Column(words["at"], 1.4), Column(words["correction"], 0.9),
        Column(words["amount"], 1, Align.END),
    ]  # fmt: skip
    _table(paper, columns, [_deduction(line, words) for line in lines], words)


def _deduction(line: Entry, words: Words) -> list[str]:
    return [
        str(line.order_id or ""),
        words[line.kind.value],
        words.reason(line.reason, line.hours, line.lasted_days),
        str(line.event_id or ""),
        left_to_right(riyadh_text(line.at)),
        left_to_right(line.month) if line.correction else "",
        _money(line.amount_halalas),
    ]


def _durability(paper: Paper, statement: Statement, words: Words) -> None:
    paper.heading(words["durability"], 2)
    titles = ("repairs", "failed_number", "good_30", "good_90", "median")
    columns = [Column(words["class"], 2), *(Column(words[title], 1, Align.END) for title in titles)]
    _table(paper, columns, [_durable(one, words) for one in statement.durability], words)


def _durable(one: DurabilityRow, words: Words) -> list[str]:
    shares = [one.good_after_30_days, one.good_after_90_days]
    told = ["-" if share is None else left_to_right(f"{share * 100:.1f} %") for share in shares]
    median = "-" if one.median_days is None else f"{one.median_days:.1f}"
    return [words.class_name(one.class_key), str(one.repairs), str(one.failed), *told, median]


def _orders(paper: Paper, statement: Statement, words: Words) -> None:
    paper.heading(words["orders"], 2)
    if len(statement.orders) > ORDERS_ON_PAPER:
        paper.paragraph(f"{words['annex']}: {len(statement.orders):,}")
        return
    columns = [
        Column(words["order"], 0.8), Column(words["class"], 1.6), Column(words["due"], 1.4), Column(words["done"], 1.4),
        Column(words["closed"], 1.4), Column(words["quantity"], 1, Align.END), Column(words["works_sar"], 1, Align.END),
        Column(words["penalties_sar"], 1, Align.END),
    ]  # fmt: skip
    _table(paper, columns, [_order(row, words) for row in statement.orders], words)


def _order(row: OrderRow, words: Words) -> list[str]:
    return [
        str(row.order_id),
        words.class_name(row.class_key),
        *(left_to_right(riyadh_text(at)) for at in (row.due_at, row.done_at, row.closed_at)),
        f"{left_to_right(number_text(row.quantity))} {words[row.quantity_unit]}",
        _money(row.works_halalas),
        _money(row.penalties_halalas),
    ]


def _table(paper: Paper, columns: list[Column], rows: list[list[str]], words: Words) -> None:
    if rows:
        paper.table(columns, rows)
    else:
        paper.paragraph(words["none"])


def _money(halalas: int) -> str:
    return left_to_right(sar_text(halalas))
