"""Where the figures of other rooms enter: fragments of SQL over the aliases that `cases` names.

`o` is a work order, `d` a defect, `r` a repair.
"""

from service.core.hijri import SAUDI_TIME

ZONE = SAUDI_TIME.key  # whose midnight ends a day

ORDER_DISTRICT = "o.district_id"
ORDER_SOURCE = "CASE o.source WHEN 'report' THEN 'centre' ELSE o.source END"
DEFECT_REPORTED = "EXISTS (SELECT FROM report WHERE report.defect_id = d.id AND report.received_at <= d.created_at)"


def contractor(unit: str, at: str) -> str:
    """Of the contract that covered the order `o` in the hands of a unit at a moment."""
    return f"""(
        SELECT c.contractor_id FROM contract AS c JOIN contract_unit AS own ON own.contract_id = c.id
        WHERE own.unit_id = {unit} AND c.municipality_id = o.municipality_id
            AND ({at} AT TIME ZONE '{ZONE}')::date BETWEEN c.first_day AND c.last_day
            AND (c.class_keys = '[]' OR c.class_keys @> to_jsonb(o.class_key))
            AND (c.district_ids = '[]' OR c.district_ids @> to_jsonb(o.district_id))
        ORDER BY c.id LIMIT 1)"""


def cost(after: str, until: str) -> str:
    """Charges less credits for `o` in one of its lives; the failure that ends a life is credited to it."""
    return f"""(
        SELECT sum(one.amount_halalas) / 100.0 FROM charge AS one
        WHERE one.work_order_id = o.id AND one.at > {after} AND one.at <= {until})"""
