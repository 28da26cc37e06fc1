"""What a month's statement is worked out from: issued months are settled, only what happened since is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.contracts.facts import order_facts, order_ids_of, recent_ids, unsettled_ids
from service.contracts.history import OrderFacts
from service.contracts.ledger import Entry, sum_stated
from service.contracts.models import Contract, ContractStatement
from service.contracts.months import Month, month_of, parse_month
from service.contracts.statement import FOLLOWED, Statement, from_text, lines_of
from service.contracts.terms import Terms


@dataclass(frozen=True)
class Basis:
    """`stated`: by key what all statements before the month said; None where the one just before it was not issued."""

    orders: Sequence[OrderFacts]
    settled: tuple[Entry, ...]  # of all other orders
    stated: dict[str, Entry] | None
    recent_ids: Sequence[int]  # orders whose durability is followed


def basis_of(session: Session, contract: Contract, month: Month, terms: Terms) -> Basis:
    """Orders whose repairs are followed, that still wait, or that anything has happened to since the last issued month:
    of the others the statements say what they cost. All orders where none was issued, and where the terms have changed
    since: a changed price may concern every one of them."""
    contents = _issued_before(session, contract, month)
    stated = sum_stated(line for text in contents.values() for line in lines_of(text))
    followed = recent_ids(session, contract, month.end - FOLLOWED)
    last = from_text(contents[max(contents)]) if contents else None
    ids = _read_ids(session, contract, month, terms, last, followed)
    read = set(ids)
    return Basis(
        orders=order_facts(session, ids, month.end),
        settled=tuple(one for one in stated.values() if one.order_id is not None and one.order_id not in read),
        stated=stated if _follows(contract, month, contents) else None,
        recent_ids=followed,
    )


def _read_ids(
    session: Session, contract: Contract, month: Month, terms: Terms, last: Statement | None, followed: Sequence[int]
) -> list[int]:
    if last is None or last.terms != terms:
        return order_ids_of(session, contract, month.end)
    since = parse_month(last.month).end
    return sorted({*followed, *unsettled_ids(session, contract, since, last.through_event_id)})


def _issued_before(session: Session, contract: Contract, month: Month) -> dict[str, str]:
    own = select(ContractStatement.month, ContractStatement.content)
    earlier = own.where(ContractStatement.contract_id == contract.id, ContractStatement.month < str(month))
    return dict(session.execute(earlier.order_by(ContractStatement.month)).all())


def _follows(contract: Contract, month: Month, contents: Mapping[str, str]) -> bool:
    return month <= month_of(contract.first_day) or str(month.before) in contents
