"""What can go wrong while a model is made, for which a person gets a line instead of a traceback."""


class TrainingError(Exception):
    """The root of this room's errors."""


class ConfigError(TrainingError):
    """A configuration file that does not say what a run needs."""


class ExportError(TrainingError):
    """An exported model that is not what it should be."""


class EvaluationError(TrainingError):
    """A score that would mean nothing."""


class ReleaseError(TrainingError):
    """A release that would change or contradict an earlier one."""
