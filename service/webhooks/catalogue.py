"""What a consumer can ask for: every type of event that the service records, and the patterns that choose some."""

import re

PREFIX = "sa.rasid."  # of a CloudEvents type: sa.rasid.work_order.assign
WITHHELD_KINDS = frozenset({"user", "reporter"})  # events about people leave the service by no webhook
PATTERN = r"^(\*|[a-z][a-z0-9_]{0,39}\.(\*|[a-z][a-z0-9_]{0,39}))$"

EVENT_TYPES: dict[str, str] = {
    "archive.delete_file": "a refused ZIP or video was deleted after its time",
    "archive.receive": "a ZIP or video arrived whole",
    "archive.retry": "a refused archive is tried again",
    "archive.unpack": "an archive became frames, or was refused",
    "blur_report.acknowledge": "a person took the report up",
    "blur_report.blur": "the region that was reported was blurred",
    "blur_report.decline": "a person found nothing to blur",
    "blur_report.report": "someone pointed at a face or plate that is not blurred",
    "defect.absorb": "another defect was merged into this one",
    "defect.accept": "a person accepted the candidate",
    "defect.find": "a new defect was found",
    "defect.merge": "this defect was merged into another",
    "defect.move": "a person corrected one of its boxes",
    "defect.overrule_absence": "a person says that it is there, whatever passes did not see",
    "defect.propose_fixed": "later passes saw no damage where the repair was",
    "defect.propose_gone": "later passes no longer see it",
    "defect.reclassify": "a person gave it another class",
    "defect.reject": "a person rejected the candidate",
    "defect.rename": "later sightings gave a candidate another class",
    "defect.reopen": "it was seen again after its repair",
    "defect.resolve": "its repair was inspected and closed",
    "defect.return": "it was seen again after it had vanished",
    "defect.split": "some of its sightings became a defect of their own",
    "defect.vanish": "it went without a repair",
    "defect.withdraw_absence": "it was seen again before anyone decided on its absence",
    "frame.accept": "a person accepted a frame that its drive speaks against",
    "frame.blur": "a region was blurred after the fact",
    "frame.check": "a person looked through a frame for some classes",
    "frame.clock": "the camera's clock, once known, changed a frame's state",
    "frame.delete": "a person deleted a frame's picture",
    "frame.delete_image": "the picture was deleted after its time",
    "frame.mend": "a person gave a frame its place or time",
    "frame.process": "a frame was processed, or failed",
    "frame.receive": "a frame arrived, taken or refused",
    "frame.reinstate": "a frame that was set aside counts again",
    "frame.retry": "a frame is tried again",
    "frame.set_aside": "the whole drive speaks against the frame",
    "frame.shift": "a person shifted a frame's time",
    "frame.track": "a track that arrived changed a frame's state",
    "frame.uncheck": "a frame's check was taken back",
    "municipality.change_unit": "a unit was renamed, or put in or out of service",
    "municipality.create_unit": "a unit was added",
    "municipality.import_streets": "streets were imported",
    "municipality.set_routing": "a class goes to another unit",
    "municipality.set_sla": "a class got another service level",
    "survey.receive_track": "a track of the survey arrived",
    "survey.set_clock": "the camera's clock was set for a survey",
    "survey.watch_lens": "the lens became dirty or clean",
    "upload.hand_over": "a resumable upload became a frame, an archive or a track, or was refused",
    "upload.terminate": "a vehicle gave up an upload",
    "upload_set.complete": "a Panoramax upload set is complete",
    "upload_set.create": "a Panoramax client began a set",
    "upload_set.reopen": "more came to a complete set",
    "vehicle.register": "a vehicle was registered",
    "vehicle.revoke_key": "a vehicle's key was revoked",
    "vehicle.rotate_key": "a vehicle got a new key",
    "webhook.change": "an endpoint's address, events or description changed",
    "webhook.create": "an endpoint was added",
    "webhook.delete": "an endpoint was removed, with its deliveries",
    "webhook.disable": "an endpoint was disabled: it said 410, or failed for too long",
    "webhook.pause": "a person paused an endpoint",
    "webhook.replay": "a person asked for deliveries again",
    "webhook.resume": "a person resumed an endpoint",
    "webhook.rotate": "an endpoint got a new secret",
    "webhook.test": "a person asked for a test delivery",
    "work_order.assign": "the order was given to a unit",
    "work_order.cancel": "the order was cancelled",
    "work_order.fail": "an inspection sent the order back",
    "work_order.hold": "the order waits; its clock stands still",
    "work_order.open": "an order was opened for a defect",
    "work_order.pass": "the repair was found good and the order closed",
    "work_order.reopen": "a closed order is open again",
    "work_order.report_done": "the unit reported the repair, with its proof",
    "work_order.resume": "the order goes on after a hold",
    "work_order.start": "the unit began",
}


def event_type(subject_kind: str, action: str) -> str:
    """The name as consumers choose it; a CloudEvents type is PREFIX and this."""
    return f"{subject_kind}.{action}"


def unknown_patterns(patterns: list[str]) -> list[str]:
    """Those that are no pattern, or choose nothing of the catalogue: `work_order.*`, `defect.find` and `*` are some."""
    return [one for one in patterns if not re.match(PATTERN, one) or not any(chosen(one, each) for each in EVENT_TYPES)]


def chosen(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))
