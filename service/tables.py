"""Names every module that defines tables, so that migrations and tests see the whole schema."""

from service.accounts import models as accounts
from service.contracts import models as contracts
from service.control import models as control
from service.core import events
from service.coverage import models as coverage
from service.crews import models as crews
from service.defects import models as defects
from service.geodata import models as geodata
from service.incidents import models as incidents
from service.intake import models as intake
from service.privacy import models as privacy
from service.reports import models as reports
from service.surveys import models as surveys
from service.webhooks import models as webhooks
from service.work_orders import bulk_models as bulk
from service.work_orders import models as work_orders
from service.work_orders import referral_models as referrals
from service.work_orders import service_levels_models as service_levels

__all__ = [
    "accounts",
    "bulk",
    "contracts",
    "control",
    "coverage",
    "crews",
    "defects",
    "events",
    "geodata",
    "incidents",
    "intake",
    "privacy",
    "referrals",
    "reports",
    "service_levels",
    "surveys",
    "webhooks",
    "work_orders",
]
