"""Who may do what, as one table that a person can read."""

from enum import StrEnum


class Role(StrEnum):
    """What a user is; `ROLES` says what each may do."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    INSPECTOR = "inspector"
    UNIT = "unit"
    CENTRE = "centre"  # the 940 reports centre


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
    VIEW_REPORTS = "view_reports"  # citizens' reports, without who sent them
    MANAGE_REPORTS = "manage_reports"  # take, merge, answer and close reports; who sent them
    MANAGE_INCIDENTS = "manage_incidents"  # declare, change and end an incident
    VIEW_CONTRACTS = "view_contracts"
    MANAGE_CONTRACTS = "manage_contracts"  # contractors, prices, penalties, monthly statements
    VIEW_INDICATORS = "view_indicators"
    MANAGE_PROGRAMMES = "manage_programmes"  # programmes, their phases and targets
    VIEW_AUDIT = "view_audit"  # who read whose personal data
    MANAGE_WEBHOOKS = "manage_webhooks"  # endpoints, secrets, replay


P = Permission
ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.SUPERVISOR: frozenset(Permission) - {P.MANAGE_ACCOUNTS},
    Role.INSPECTOR: frozenset(
        {
            P.VIEW_FRAMES,
            P.MEND_FRAMES,
            P.VIEW_DEFECTS,
            P.REVIEW,
            P.VIEW_WORK_ORDERS,
            P.INSPECT,
            P.VIEW_REPORTS,
            P.VIEW_INDICATORS,
        }
    ),
    Role.UNIT: frozenset({P.VIEW_WORK_ORDERS, P.WORK, P.VIEW_CONTRACTS}),  # its own contractor's
    Role.CENTRE: frozenset({P.VIEW_DEFECTS, P.VIEW_WORK_ORDERS, P.VIEW_REPORTS, P.MANAGE_REPORTS, P.VIEW_INDICATORS}),
}


def may(role: Role | None, permission: Permission) -> bool:
    """A vehicle has no role and may do none of these; its key lets it send frames and see their state."""
    return role is not None and permission in ROLES[role]
