"""Types of request fields that keep out what the database cannot hold, so that it is a 422 and never a 500."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

MAX_ROW_ID = 2**63 - 1  # of a bigint column
FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(2999, 12, 31)  # room on both sides for zones, weeks and days before
NO_NUL = r"^[^\x00]*$"  # PostgreSQL text cannot hold U+0000

Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Moment = Annotated[AwareDatetime, Field(ge=datetime(1000, 1, 1, tzinfo=UTC), le=datetime(2999, 12, 31, tzinfo=UTC))]
RowId = Annotated[int, Field(ge=1, le=MAX_ROW_ID)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=NO_NUL)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=NO_NUL)]
