"""Names every module that defines tables, so that migrations and tests see the whole schema."""

from service.accounts import models as accounts
from service.core import events
from service.defects import models as defects
from service.surveys import coverage_models as coverage
from service.surveys import intake_models as intake
from service.surveys import models as surveys
from service.work_orders import models as work_orders

__all__ = ["accounts", "coverage", "defects", "events", "intake", "surveys", "work_orders"]
