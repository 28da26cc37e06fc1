"""Where the figures of other rooms enter: each is a fragment of SQL over the aliases that `cases` names.

`o` is a work order, `d` a defect, `r` a repair. NULL says that the installation keeps no such thing, and the figure
then answers null with the reason in `ABSENT`, never with a number.
"""

ORDER_DISTRICT = "NULL::bigint"  # of `o`
DEFECT_DISTRICT = "NULL::bigint"  # of `d`
REPAIR_DISTRICT = "NULL::bigint"  # of `r`, through `o`
ORDER_CONTRACTOR = "NULL::bigint"  # of `o`: the contractor behind its unit on the day it was opened
REPAIR_CONTRACTOR = "NULL::bigint"  # of `r`
ORDER_COST = "NULL::numeric"  # of the present life of `o`
ORDER_RATING = "NULL::bigint"  # 1..5 by who reported it, of the present life of `o`
DEFECT_REPORTED = "FALSE"  # whether a report opened `d`
RATED_WELL = 4  # and above of 5 is satisfied

ABSENT: dict[str, str] = {  # key of an indicator: why it has no value while its fragment above is NULL
    name: reason
    for name, fragment, reason in (
        ("percent_satisfied", ORDER_RATING, "no ratings of reporters are kept in this installation"),
        ("cost", ORDER_COST, "no contract prices are kept in this installation"),
    )
    if fragment.startswith("NULL")
}
