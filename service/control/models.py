"""What indicators are counted from: one row for each case, sums by day, and the programmes that set targets."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column

DIMENSIONS = ("day", "municipality_id", "district_id", "unit_id", "contractor_id", "class_key", "source")


_ORDER = ("day", "ref_id", "number", "municipality_id")  # of the rows behind a figure; the last to pass over others
ENDED = "kind = 'order' AND ended_day IS NOT NULL"
WHILE = "daterange(least(day, ended_day), ended_day, '[]')"  # it was open


class Source(StrEnum):
    """Who found it first."""

    VEHICLE = "vehicle"
    INSPECTOR = "inspector"
    CENTRE = "centre"  # a report to the 940 centre


class IndicatorCase(Base):
    """One thing that an indicator counts: a defect, one life of a work order, a repair, a rating, a verdict on a box.

    Derived from the tables of those things (`cases.DERIVED`) and written anew whenever an event names its defect. An
    order that was opened again has a case for each life, so that what was treated then stays treated then.
    """

    __tablename__ = "indicator_case"
    __table_args__ = (
        Index("ix_indicator_case_day", "kind", *_ORDER),
        Index("ix_indicator_case_ended", "ended_day", *_ORDER[1:], postgresql_where=text(ENDED)),
        Index("ix_indicator_case_while", text(WHILE), postgresql_using="gist", postgresql_where=text(ENDED)),
        Index(  # holds all that is counted by, so that the table itself need not be read
            "ix_indicator_case_open", *_ORDER,
            postgresql_include=[
                "at", "late_from", "kind", "outcome", "defect_id", "district_id", "unit_id", "contractor_id",
                "class_key", "source",
            ],
            postgresql_where=text("kind = 'order' AND outcome IN ('waiting', 'done')"),
        ),
    )  # fmt: skip

    defect_id: Mapped[int] = mapped_column(primary_key=True)  # minus a report's id: it was rated and has no defect
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)  # defect order repair rating verdict
    ref_id: Mapped[int] = mapped_column(primary_key=True)  # of the defect, order, repair, rating or detection
    number: Mapped[int] = mapped_column(primary_key=True)  # 0: the present life; else the event that ended it
    at: Mapped[datetime]  # recorded, opened, done, given or judged
    day: Mapped[date]  # of `at`, in Saudi time
    municipality_id: Mapped[int]
    district_id: Mapped[int | None]
    unit_id: Mapped[int | None]
    contractor_id: Mapped[int | None]
    class_key: Mapped[str | None] = mapped_column(String(40))  # None: a rated report that nobody gave a class
    source: Mapped[str | None] = mapped_column(String(10))  # Source
    outcome: Mapped[str] = mapped_column(String(12))  # waiting done treated cancelled; good failed unverified; ...
    due_at: Mapped[datetime | None]
    late_from: Mapped[datetime | None]  # of a waiting order; null: its clock stands still, in time until then
    done_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # found good, or cancelled
    ended_day: Mapped[date | None]
    quantity: Mapped[Decimal | None] = mapped_column(Numeric(14, 3))  # in the class's unit of work
    cost: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    rating: Mapped[int | None]  # stars of five


class Sums:
    """Over the cases of equal dimensions; `facts.refresh` keeps them equal to the cases."""

    id: Mapped[Id]
    day: Mapped[date]
    municipality_id: Mapped[int]
    district_id: Mapped[int | None]
    unit_id: Mapped[int | None]
    contractor_id: Mapped[int | None]
    class_key: Mapped[str | None] = mapped_column(String(40))  # None: a rated report that nobody gave a class
    source: Mapped[str | None] = mapped_column(String(10))
    cases: Mapped[int]  # summands in this row: an empty row goes
    observed: Mapped[int]
    received: Mapped[int]
    cancelled: Mapped[int]
    treated: Mapped[int]
    in_time: Mapped[int]
    repairs: Mapped[int]
    repairs_lasting: Mapped[int]
    judged: Mapped[int]
    judged_right: Mapped[int]
    rated: Mapped[int]
    satisfied: Mapped[int]
    cost: Mapped[Decimal] = mapped_column(Numeric)
    costed: Mapped[int]
    completed: Mapped[int]  # this and the next by the day of ending, all others by the day of `at`
    quantity: Mapped[Decimal] = mapped_column(Numeric)


class IndicatorDay(Sums, Base):
    """The sums of one day."""

    __tablename__ = "indicator_day"
    __table_args__ = (
        UniqueConstraint(*DIMENSIONS, postgresql_nulls_not_distinct=True, name="uq_indicator_day"),
        Index("ix_indicator_day_place", "municipality_id", "day"),
        Index("ix_indicator_day_empty", "id", postgresql_where=text("cases = 0")),
    )


class IndicatorMonth(Sums, Base):
    """The sums of one month of the Gregorian calendar, `day` its first: a year is twelve of these, not 365 days."""

    __tablename__ = "indicator_month"
    __table_args__ = (
        UniqueConstraint(*DIMENSIONS, postgresql_nulls_not_distinct=True, name="uq_indicator_month"),
        Index("ix_indicator_month_place", "municipality_id", "day"),
        Index("ix_indicator_month_empty", "id", postgresql_where=text("cases = 0")),
    )


class IndicatorState(Base):
    """How far the sums have come; one row."""

    __tablename__ = "indicator_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    cursor: Mapped[int] = mapped_column(default=0)  # what events up to this id changed is in the sums
    mark: Mapped[int | None]  # the cursor's next place, once no transaction runs that began before it was set
    mark_xid: Mapped[int | None]
    refreshed_at: Mapped[datetime | None]


class RankingRule(Base):
    """By which figures municipalities are ranked; append-only, the last one set is in force."""

    __tablename__ = "ranking_rule"

    id: Mapped[Id]
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    rule: Mapped[JsonObject]  # ranking.Rule


class Programme(Base):
    """What a municipality, or all of them together (null), have undertaken."""

    __tablename__ = "programme"
    __table_args__ = (
        UniqueConstraint("municipality_id", "key", postgresql_nulls_not_distinct=True, name="uq_programme_key"),
    )

    id: Mapped[Id]
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[CreatedAt]
    phases: Mapped[list["Phase"]] = relationship(order_by="Phase.first_day, Phase.id")


class Phase(Base):
    """A period of a programme, with targets and initiatives."""

    __tablename__ = "programme_phase"
    __table_args__ = (UniqueConstraint("programme_id", "key"),)

    id: Mapped[Id]
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    first_day: Mapped[date]
    last_day: Mapped[date]
    margin_percent: Mapped[float]  # a forecast that misses the target by no more is at risk, else off track
    targets: Mapped[list["Target"]] = relationship(order_by="Target.municipality_id, Target.indicator, Target.id")
    initiatives: Mapped[list["Initiative"]] = relationship(order_by="Initiative.id")


class Target(Base):
    """What one indicator of one municipality is to reach by the end of a phase."""

    __tablename__ = "programme_target"
    __table_args__ = (
        UniqueConstraint(
            "phase_id", "municipality_id", "indicator", "class_key", postgresql_nulls_not_distinct=True,
            name="uq_programme_target",
        ),
    )  # fmt: skip

    id: Mapped[Id]
    phase_id: Mapped[int] = mapped_column(ForeignKey("programme_phase.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    indicator: Mapped[str] = mapped_column(String(40))
    class_key: Mapped[str | None] = mapped_column(String(40))  # None: all classes
    value: Mapped[float]


class InitiativeState(StrEnum):
    PLANNED = "planned"
    UNDER_WAY = "under_way"
    DONE = "done"
    STOPPED = "stopped"


class Initiative(Base):
    """What is done to reach a phase's targets: a campaign, a new machine, a night shift."""

    __tablename__ = "programme_initiative"
    __table_args__ = (UniqueConstraint("phase_id", "key"),)

    id: Mapped[Id]
    phase_id: Mapped[int] = mapped_column(ForeignKey("programme_phase.id"))
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: all of the programme
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    state: Mapped[InitiativeState] = mapped_column(status_column(InitiativeState))
    note: Mapped[str | None] = mapped_column(String(1000))
    serves: Mapped[list[str]] = mapped_column(JSONB)  # keys of indicators
