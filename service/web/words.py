"""The words for every stored code, in one place, so that a page never shows a code to a person.

`N_` marks a text for the catalogues; the template that shows it looks the translation up.
"""

from collections.abc import Mapping, Sequence

from datasets.taxonomy import Unit
from service.accounts.permissions import Role
from service.defects.access import DefectOrder
from service.defects.models import Absence
from service.defects.states import DefectState
from service.surveys.models import FrameState
from service.work_orders.states import WorkOrderAction, WorkOrderState


def N_(text: str) -> str:  # noqa: N802 - the name that gettext tools look for
    return text


ROLES: Mapping[Role, str] = {
    Role.ADMIN: N_("Administrator"),
    Role.SUPERVISOR: N_("Supervisor"),
    Role.INSPECTOR: N_("Inspector"),
    Role.UNIT: N_("Unit"),
    Role.CENTRE: N_("Reports centre"),
}
DEFECT_STATES: Mapping[DefectState, str] = {
    DefectState.CANDIDATE: N_("Candidate"),
    DefectState.CONFIRMED: N_("Confirmed"),
    DefectState.REJECTED: N_("Rejected"),
    DefectState.MERGED: N_("Merged"),
    DefectState.RESOLVED: N_("Resolved"),
}
DEFECT_ORDERS: Mapping[DefectOrder, str] = {
    DefectOrder.OLDEST: N_("Oldest first"),
    DefectOrder.SCORE: N_("Surest first"),
    DefectOrder.PRIORITY: N_("Most urgent first"),
}
WORK_ORDER_STATES: Mapping[WorkOrderState, str] = {
    WorkOrderState.OPEN: N_("Open"),
    WorkOrderState.ASSIGNED: N_("Assigned"),
    WorkOrderState.IN_PROGRESS: N_("In progress"),
    WorkOrderState.ON_HOLD: N_("On hold"),
    WorkOrderState.REFERRED: N_("Referred to another agency"),
    WorkOrderState.DONE: N_("Done, to be inspected"),
    WorkOrderState.CLOSED: N_("Closed"),
    WorkOrderState.CANCELLED: N_("Cancelled"),
    WorkOrderState.MERGED: N_("Merged into another order"),
}
ACTIONS: Mapping[WorkOrderAction, str] = {
    WorkOrderAction.ASSIGN: N_("Assign"),
    WorkOrderAction.START: N_("Start work"),
    WorkOrderAction.REPORT_DONE: N_("Report done"),
    WorkOrderAction.PASS: N_("Pass: close the order"),
    WorkOrderAction.FAIL: N_("Fail: send back to the unit"),
    WorkOrderAction.HOLD: N_("Put on hold"),
    WorkOrderAction.RESUME: N_("Resume"),
    WorkOrderAction.CANCEL: N_("Cancel the order"),
    WorkOrderAction.REOPEN: N_("Reopen"),
    WorkOrderAction.REFUSE: N_("Refuse"),
    WorkOrderAction.TRANSFER: N_("Transfer to another unit"),
    WorkOrderAction.SPLIT: N_("Split"),
    WorkOrderAction.MERGE: N_("Merge into another order"),
    WorkOrderAction.REFER: N_("Refer to another agency"),
    WorkOrderAction.AGENCY_DONE: N_("The agency reports it done"),
    WorkOrderAction.AGENCY_BACK: N_("The agency sends it back"),
}
FRAME_STATES: Mapping[FrameState, str] = {
    FrameState.RECEIVED: N_("Received"),
    FrameState.PROCESSED: N_("Processed"),
    FrameState.REFUSED: N_("Refused"),
    FrameState.FAILED: N_("Failed"),
}
UNITS: Mapping[Unit, str] = {
    Unit.SQUARE_METRE: N_("m²"),
    Unit.METRE: N_("running m"),
    Unit.CUBIC_METRE: N_("m³"),
    Unit.COUNT: N_("pcs"),
}
# Directions of travel, clockwise from north in steps of 45 degrees, with how they look on a map.
COMPASS: Sequence[tuple[str, str]] = (
    ("↑", N_("north")), ("↗", N_("north-east")), ("→", N_("east")), ("↘", N_("south-east")),
    ("↓", N_("south")), ("↙", N_("south-west")), ("←", N_("west")), ("↖", N_("north-west")),
)  # fmt: skip
# What a priority is made of.
PRIORITY_PARTS: Mapping[str, str] = {
    "class": N_("Class"),
    "size": N_("Size"),
    "road": N_("Road"),
    "presence": N_("Certainty that it is there"),
    "recurrence": N_("Came back"),
    "reports": N_("Reports of citizens"),
    "age": N_("Age"),
}
ABSENCES: Mapping[Absence, str] = {
    Absence.FIXED: N_("Repaired, say later passes"),
    Absence.GONE: N_("Gone, say later passes"),
}
# What happened, by subject and action of an event.
EVENTS: Mapping[tuple[str, str], str] = {
    ("defect", "find"): N_("Found on a frame"),
    ("defect", "accept"): N_("Accepted"),
    ("defect", "reject"): N_("Rejected"),
    ("defect", "reclassify"): N_("Class changed"),
    ("defect", "merge"): N_("Merged into another defect"),
    ("defect", "move"): N_("Box moved"),
    ("defect", "absorb"): N_("Another defect was merged into this one"),
    ("defect", "resolve"): N_("Repair found good"),
    ("defect", "reopen"): N_("Reopened: the repair did not last"),
    ("defect", "vanish"): N_("Gone without a repair"),
    ("defect", "return"): N_("Seen again after it had gone"),
    ("defect", "propose_fixed"): N_("Passes saw nothing: proposed as repaired"),
    ("defect", "propose_gone"): N_("Passes saw nothing: proposed as gone"),
    ("defect", "withdraw_absence"): N_("Proposal taken back"),
    ("defect", "overrule_absence"): N_("A person says it is still there"),
    ("defect", "rename"): N_("Class as most sightings name it"),
    ("defect", "split"): N_("Some sightings became another defect"),
    ("work_order", "open"): N_("Opened"),
    ("work_order", "assign"): N_("Assigned to a unit"),
    ("work_order", "start"): N_("Work started"),
    ("work_order", "report_done"): N_("Reported done with a photo"),
    ("work_order", "pass"): N_("Inspection passed"),
    ("work_order", "fail"): N_("Inspection failed"),
    ("work_order", "hold"): N_("Put on hold"),
    ("work_order", "resume"): N_("Resumed"),
    ("work_order", "cancel"): N_("Cancelled"),
    ("work_order", "reopen"): N_("Reopened"),
    ("work_order", "refuse"): N_("Refused by the unit"),
    ("work_order", "transfer"): N_("Transferred to another unit"),
    ("work_order", "split"): N_("A part was split off"),
    ("work_order", "merge"): N_("Merged into another order"),
    ("work_order", "absorb"): N_("Other orders were merged into this one"),
    ("work_order", "refer"): N_("Referred to another agency"),
    ("work_order", "agency_done"): N_("Reported done by the agency"),
    ("work_order", "agency_back"): N_("Sent back by the agency"),
    ("work_order", "route"): N_("Routed anew"),
    ("work_order", "prioritise"): N_("Priority set by a person"),
    ("work_order", "photo"): N_("Photo added"),
    ("work_order", "undo"): N_("Action on many orders taken back"),
}
# Why a frame is not used: the codes that `surveys` and `inference` give.
FRAME_REASONS: Mapping[str, str] = {
    "image.empty": N_("The file is empty. Send it again."),
    "image.unreadable": N_("The file is damaged and cannot be read. Send it again from the vehicle."),
    "image.truncated": N_("The file is cut short: the upload stopped in the middle. Send it again."),
    "image.too_many_pixels": N_("The image has more pixels than this service accepts. Send it smaller."),
    "image.unsupported_format": N_("The file is no JPEG, PNG or WebP image."),
    "image.missing": N_("The stored image is gone. Restore it from the backup or send it again."),
    "position.missing": N_("There is no position: the image has no GPS tags and the vehicle sent none."),
    "position.null_island": N_("The position is 0, 0: the receiver had no fix. Send it again with a real one."),
    "position.out_of_range": N_("The position is not on Earth. Check the receiver and send it again."),
    "time.missing": N_("There is no time: the image has none and the vehicle sent none."),
    "time.in_future": N_("The time lies in the future. Set the camera's clock and send it again."),
    "time.out_of_range": N_("The time cannot be right. Set the camera's clock and send it again."),
    "time.no_zone": N_("The time has no zone. Send it again with its offset, such as +03:00."),
    "processing.gave_up": N_("Processing was tried several times and did not end. See the worker's log."),
}
# Refusals that a person can meet on these pages; any other is shown with its code and detail.
REFUSALS: Mapping[str, str] = {
    **FRAME_REASONS,
    "auth.required": N_("Sign in to go on."),
    "auth.permission": N_("Your role does not allow this. Ask a supervisor."),
    "auth.origin": N_("The request did not come from these pages. Open the page again and repeat it there."),
    "auth.user": N_("These pages are for people; a vehicle's key does not open them."),
    "defect.state": N_("This defect has been decided already. Choose the next one."),
    "defect.unknown": N_("There is no such defect in your municipalities."),
    "defect.merge_target": N_("It cannot be merged into that defect. Choose another one nearby."),
    "review.merged_into_id": N_("Choose the defect to merge into."),
    "review.class_key": N_("Choose the right class."),
    "review.detection_id": N_("The picture has changed meanwhile. Look at it again and decide."),
    "review.box": N_("Give the box as four numbers: left, top, right, bottom."),
    "box.outside": N_("The box lies outside of the frame or is too small. Draw it again."),
    "objects.count": N_("Draw a box around what was missed, at most 50 at a time."),
    "absence.none": N_("This is proposed no more. Look at the list again."),
    "absence.order": N_("The repair went back to the unit meanwhile. Look at the list again."),
    "split.detection_ids": N_("Choose some of the sightings, not all of them."),
    "basemap.none": N_("No basemap is set."),
    "frame.unknown": N_("There is no such frame in your municipalities."),
    "check.classes": N_("Tick the classes that you looked for."),
    "frame.undecided": N_("Boxes of these classes on this frame wait for a decision. Accept or reject them first."),
    "frame.state": N_("The model has not looked at this frame yet."),
    "work_order.state": N_("The order has moved on meanwhile. Look at its present state and choose again."),
    "work_order.unknown": N_("There is no such work order that you may see."),
    "work_order.unit": N_("Choose an active unit of this municipality."),
    "work_order.reason": N_("Give a reason of at most 500 characters."),
    "work_order.note": N_("Keep the note under 1000 characters."),
    "inspection.note": N_("Tell the unit what to mend."),
    "proof.quantity": N_("Give the quantity measured on site, above 0."),
    "proof.photo": N_("Add a photo of the finished repair."),
    "proof.missing": N_(
        "Your municipality asks for a photo from before the repair. Have a supervisor add it to the order."
    ),
    "proof.used": N_("This photo was reported before. Take a new one of the mended repair."),
    "image.too_many_bytes": N_("The file is larger than this service accepts."),
    "request.too_large": N_("The file is larger than this service accepts."),
    "request.invalid": N_("The request is not complete. Go back and fill in the form again."),
    "page.unknown": N_("There is no such page."),
    "internal": N_("The service failed. Nothing was changed; the operator finds the reason in the log."),
}


def compass(heading_deg: float) -> tuple[str, str]:
    """An arrow that points there on a map with north above, and the direction's name to translate."""
    return COMPASS[round(heading_deg % 360 / 45) % 8]
