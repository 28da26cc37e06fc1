"""The dates of a work order, each with its Hijri date beside it: the one place that adds them to what is sent."""

from datetime import datetime

from pydantic import BaseModel, Field, computed_field

from service.core.hijri_fields import HijriOut, hijri_out


class OrderDates(BaseModel):
    opened_at: datetime
    start_due_at: datetime | None = Field(description="when the unit should have begun; null: nothing was promised")
    due_at: datetime = Field(description="when the repair should be done; stands still while on hold")
    held_at: datetime | None = Field(description="the clock stands still from here")
    done_at: datetime | None
    closed_at: datetime | None

    @computed_field
    def opened_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.opened_at)

    @computed_field
    def start_due_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.start_due_at)

    @computed_field
    def due_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.due_at)

    @computed_field
    def held_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.held_at)

    @computed_field
    def done_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.done_at)

    @computed_field
    def closed_at_hijri(self) -> HijriOut | None:
        return hijri_out(self.closed_at)
