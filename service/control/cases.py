"""Which cases follow from defects, orders, repairs and verdicts as they stand: the one derivation, in SQL.

It reads rows as they are and of the events only what no row keeps: when an order was cancelled, and the lives that an
order had before it was opened again. So it may run any number of times, in any order, over any part of the defects.
"""

from service.control import plugs
from service.control.plugs import ZONE

STOPPED = "('on_hold', 'referred')"  # their clock stands still
WAITING = "('open', 'assigned', 'in_progress', 'on_hold', 'referred')"

IDS = "{} = ANY(CAST(:ids AS bigint[]))"  # of defects, and minus those of reports that have none
REPORT_IDS = "report.id IN (SELECT -one FROM unnest(CAST(:ids AS bigint[])) AS one)"  # by its index
COLUMNS = (
    "defect_id", "kind", "ref_id", "number", "at", "day", "municipality_id", "district_id", "unit_id",
    "contractor_id", "class_key", "source", "outcome", "due_at", "late_from", "done_at", "ended_at", "ended_day",
    "quantity", "cost", "rating",
)  # fmt: skip

TOUCHED = """
    SELECT d.id AS defect_id, d.municipality_id, d.class_key, d.state, d.created_at, NULL::bigint AS district_id,
           CASE WHEN {reported} THEN 'centre' WHEN first.detection_id IS NULL THEN NULL
                WHEN first.added_by_id IS NULL THEN 'vehicle' ELSE 'inspector' END AS source
    FROM defect AS d LEFT JOIN LATERAL (
        SELECT one.detection_id, seen.added_by_id
        FROM sighting AS one JOIN detection AS seen ON seen.id = one.detection_id
        WHERE one.defect_id = d.id ORDER BY one.detection_id LIMIT 1
    ) AS first ON TRUE
    WHERE {which}
"""
DEFECTS = """
    SELECT defect_id, 'defect' AS kind, defect_id AS ref_id, 0::bigint AS number, created_at AS at, municipality_id,
           district_id, NULL::bigint AS unit_id, NULL::bigint AS contractor_id, class_key, source, state AS outcome,
           NULL::timestamptz AS due_at, NULL::timestamptz AS late_from, NULL::timestamptz AS done_at,
           NULL::timestamptz AS ended_at, NULL::float8 AS quantity, NULL::numeric AS cost, NULL::bigint AS rating
    FROM touched
"""
PRESENT_LIVES = """
    SELECT t.defect_id, 'order', o.id, 0, o.opened_at, o.municipality_id, {district}, o.unit_id, {contractor},
           o.class_key, {source},
           CASE WHEN o.state = 'closed' THEN 'treated' WHEN o.state = 'done' THEN 'done'
                WHEN o.state IN {waiting} THEN 'waiting' ELSE 'cancelled' END,
           o.due_at,
           CASE WHEN o.state NOT IN {waiting} THEN NULL
                WHEN o.state NOT IN {stopped} OR o.held_at > o.due_at THEN o.due_at END,
           o.done_at,
           CASE WHEN o.state = 'closed' THEN coalesce(o.closed_at, o.done_at, o.opened_at)
                WHEN o.state <> 'done' AND o.state NOT IN {waiting} THEN coalesce(ended.at, o.opened_at) END,
           o.quantity_measured, {cost}, NULL
    FROM touched AS t JOIN work_order AS o ON o.defect_id = t.defect_id LEFT JOIN LATERAL (
        SELECT e.at FROM event AS e
        WHERE o.state NOT IN ('done', 'closed') AND o.state NOT IN {waiting}
            AND e.subject_kind = 'work_order' AND e.subject_id = o.id AND e.to_state = o.state
        ORDER BY e.id DESC LIMIT 1
    ) AS ended ON TRUE
"""
FORMER_OPENED = "(e.data ->> 'opened_at')::timestamptz"
FORMER_LIVES = """
    SELECT t.defect_id, 'order', o.id, e.id, (e.data ->> 'opened_at')::timestamptz, o.municipality_id, {district},
           coalesce(r.unit_id, o.unit_id), {contractor}, o.class_key, {source}, 'treated',
           (e.data ->> 'due_at')::timestamptz, NULL, coalesce(r.done_at, (e.data ->> 'closed_at')::timestamptz),
           (e.data ->> 'closed_at')::timestamptz, (e.data ->> 'quantity_measured')::float8, {cost}, NULL
    FROM touched AS t JOIN work_order AS o ON o.defect_id = t.defect_id
    JOIN event AS e ON e.subject_kind = 'work_order' AND e.subject_id = o.id AND e.action = 'reopen'
        AND e.data ->> 'opened_at' IS NOT NULL AND e.data ->> 'closed_at' IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT one.done_at, one.unit_id FROM repair AS one
        WHERE one.work_order_id = o.id AND one.done_at <= (e.data ->> 'closed_at')::timestamptz
        ORDER BY one.done_at DESC LIMIT 1
    ) AS r ON TRUE
"""
REPAIRS = """
    SELECT t.defect_id, 'repair', r.id, 0, r.done_at, r.municipality_id, {district}, r.unit_id, {contractor},
           r.class_key, {source},
           CASE WHEN r.verified_at IS NULL THEN 'unverified' WHEN r.failed_at IS NULL THEN 'good' ELSE 'failed' END,
           NULL, NULL, r.done_at, r.failed_at, NULL, NULL, NULL
    FROM touched AS t JOIN work_order AS o ON o.defect_id = t.defect_id JOIN repair AS r ON r.work_order_id = o.id
"""
# What reporters said of closed reports, at the unit that has or had the newest order.
RATINGS = """
    SELECT t.defect_id, 'rating', one.id, 0, one.created_at, one.municipality_id, o.district_id, o.unit_id,
           {contractor}, t.class_key, 'centre', CASE WHEN one.satisfied THEN 'satisfied' ELSE 'unsatisfied' END,
           NULL, NULL, NULL, NULL, NULL, NULL, one.stars
    FROM touched AS t JOIN report ON report.defect_id = t.defect_id JOIN rating AS one ON one.report_id = report.id
    LEFT JOIN LATERAL (
        SELECT last.* FROM work_order AS last WHERE last.defect_id = t.defect_id ORDER BY last.id DESC LIMIT 1
    ) AS o ON TRUE
"""
# The same of reports that never had a defect: rejected, or closed with an answer. Minus their id is their place.
RATINGS_ALONE = """
    SELECT -report.id, 'rating', one.id, 0, one.created_at, one.municipality_id, NULL, NULL, NULL, report.class_key,
           'centre', CASE WHEN one.satisfied THEN 'satisfied' ELSE 'unsatisfied' END,
           NULL, NULL, NULL, NULL, NULL, NULL, one.stars
    FROM rating AS one JOIN report ON report.id = one.report_id WHERE report.defect_id IS NULL AND {which}
"""
# As `defects.precision` counts: boxes of a model that a person looked at, by what their defect is now.
VERDICTS = """
    SELECT defect_id, 'verdict', detection_id, 0, at, municipality_id, district_id, NULL, NULL, class_key, 'vehicle',
           outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (
        SELECT DISTINCT ON (box.id) t.defect_id, box.id AS detection_id, one.created_at AS at, t.municipality_id,
               t.district_id, box.class_key,
               CASE WHEN t.state = 'rejected' THEN 'rejected' WHEN t.class_key = box.class_key THEN 'accepted'
                    ELSE 'reclassified' END AS outcome
        FROM touched AS t JOIN sighting ON sighting.defect_id = t.defect_id
        JOIN review AS one ON one.detection_id = sighting.detection_id AND one.verdict IN ('accept', 'reject', 'merge')
        JOIN detection AS box ON box.id = sighting.detection_id AND box.added_by_id IS NULL
        WHERE t.state IN ('rejected', 'confirmed', 'resolved')
        ORDER BY box.id, one.id DESC
    ) AS judged
"""


def derived(*, everything: bool) -> str:
    """A query of the cases (COLUMNS) of all defects and reports, or of those that `:ids` names."""
    named, alone = ("TRUE", "TRUE") if everything else (IDS.format("d.id"), REPORT_IDS)
    touched = TOUCHED.format(reported=plugs.DEFECT_REPORTED, which=named)
    of_order = {"district": plugs.ORDER_DISTRICT, "source": plugs.ORDER_SOURCE, "waiting": WAITING, "stopped": STOPPED}
    parts = (
        DEFECTS,
        PRESENT_LIVES.format(
            **of_order,
            contractor=plugs.contractor("o.unit_id", "o.opened_at"),
            cost=plugs.cost("o.opened_at", "'infinity'"),
        ),
        FORMER_LIVES.format(
            **of_order,
            contractor=plugs.contractor("coalesce(r.unit_id, o.unit_id)", FORMER_OPENED),
            cost=plugs.cost(FORMER_OPENED, "e.at"),
        ),
        REPAIRS.format(**of_order, contractor=plugs.contractor("r.unit_id", "r.done_at")),
        RATINGS.format(contractor=plugs.contractor("o.unit_id", "one.created_at")),
        RATINGS_ALONE.format(which=alone),
        VERDICTS,
    )
    return f"""
        WITH touched AS MATERIALIZED ({touched}), found AS ({" UNION ALL ".join(parts)})
        SELECT defect_id, kind, ref_id, number, at, (at AT TIME ZONE '{ZONE}')::date AS day, municipality_id,
               district_id, unit_id, contractor_id, class_key, source, outcome, due_at, late_from, done_at, ended_at,
               (ended_at AT TIME ZONE '{ZONE}')::date AS ended_day, round(quantity::numeric, 3) AS quantity,
               round(cost, 2) AS cost, rating
        FROM found
    """


# What a case adds to the sums of the day of `at`, and what to those of the day it ended.
_LIVE_ORDER = "kind = 'order' AND outcome <> 'cancelled'"
BEGUN: dict[str, str] = {
    "observed": "(kind = 'defect' AND outcome NOT IN ('merged', 'rejected'))::int",
    "received": "(kind = 'order')::int",
    "cancelled": "(kind = 'order' AND outcome = 'cancelled')::int",
    "treated": "(kind = 'order' AND outcome = 'treated')::int",
    "in_time": f"({_LIVE_ORDER} AND done_at IS NOT NULL AND done_at <= due_at)::int",
    "repairs": "(kind = 'repair' AND outcome <> 'unverified')::int",
    "repairs_lasting": "(kind = 'repair' AND outcome = 'good')::int",
    "judged": "(kind = 'verdict')::int",
    "judged_right": "(kind = 'verdict' AND outcome = 'accepted')::int",
    "rated": "(kind = 'rating')::int",
    "satisfied": "(kind = 'rating' AND outcome = 'satisfied')::int",
    "cost": "coalesce(cost, 0)",
    "costed": "(cost IS NOT NULL)::int",
}
ENDED: dict[str, str] = {"completed": "1", "quantity": "coalesce(quantity, 0)"}
MEASURES = ("cases", *BEGUN, *ENDED)


def summands(cases: str, sign: int = 1) -> str:
    """A query of what each case adds (or with sign -1 takes away): the dimensions, then MEASURES."""
    dimensions = "municipality_id, district_id, unit_id, contractor_id, class_key, source"
    begun = ", ".join([f"{sign} AS cases", *(f"{sign} * {one} AS {name}" for name, one in BEGUN.items())])
    none = ", ".join("0" for _ in BEGUN)
    ended = ", ".join(f"{sign} * {one}" for one in ENDED.values())
    nothing = ", ".join(f"0 AS {name}" for name in ENDED)
    return f"""
        SELECT day, {dimensions}, {begun}, {nothing} FROM {cases}
        UNION ALL SELECT ended_day, {dimensions}, {sign}, {none}, {ended} FROM {cases}
        WHERE kind = 'order' AND outcome = 'treated' AND ended_day IS NOT NULL
    """
