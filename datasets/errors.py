"""The one error of this room, where every module can raise it."""


class DataError(ValueError):
    """A data folder or a correction that is not as the tables here say."""
