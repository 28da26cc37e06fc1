"""Who may do what, as one table that a person can read."""

from enum import StrEnum


class Role(StrEnum):
    """What a user is; `ROLES` says what each may do."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    INSPECTOR = "inspector"
    UNIT = "unit"


class Permission(StrEnum):
    VIEW_FRAMES = "view_frames"
    MEND_FRAMES = "mend_frames"  # place, time, clock and tracks of frames; accept, retry and delete them
    VIEW_DEFECTS = "view_defects"
    REVIEW = "review"
    EXPORT_REVIEWS = "export_reviews"  # take frames and verdicts out, to train a model
    VIEW_WORK_ORDERS = "view_work_orders"
    WORK = "work"  # start, hold and report done
    INSPECT = "inspect"
    MANAGE_WORK_ORDERS = "manage_work_orders"  # assign, cancel, reopen, routing, service levels
    MANAGE_VEHICLES = "manage_vehicles"
    MANAGE_STREETS = "manage_streets"  # import the streets that coverage is measured on
    MANAGE_ACCOUNTS = "manage_accounts"  # municipalities and users


P = Permission
ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.SUPERVISOR: frozenset(Permission) - {P.MANAGE_ACCOUNTS},
    Role.INSPECTOR: frozenset({P.VIEW_FRAMES, P.MEND_FRAMES, P.VIEW_DEFECTS, P.REVIEW, P.VIEW_WORK_ORDERS, P.INSPECT}),
    Role.UNIT: frozenset({P.VIEW_WORK_ORDERS, P.WORK}),
}


def may(role: Role | None, permission: Permission) -> bool:
    """A vehicle has no role and may do none of these; its key lets it send frames and see their state."""
    return role is not None and permission in ROLES[role]
