"""Names every module that defines tables, so that migrations and tests see the whole schema."""

from service.accounts import models as accounts
from service.core import events
from service.coverage import models as coverage
from service.defects import models as defects
from service.intake import models as intake
from service.privacy import models as privacy
from service.surveys import models as surveys
from service.webhooks import models as webhooks
from service.work_orders import models as work_orders

__all__ = ["accounts", "coverage", "defects", "events", "intake", "privacy", "surveys", "webhooks", "work_orders"]
