"""The refusals of this package, drawn in one place so that callers can map stable codes to answers.

InferenceRefused
├── ImageRefused   one image cannot be used: image.empty, image.unsupported_format, image.too_many_pixels,
│                  image.truncated, image.unreadable, image.missing
└── ModelRefused   no image can be scored: model.unknown, model.missing, model.registry, model.checksum,
                   model.unreadable, model.metadata, model.shape, backend.unknown, backend.missing, backend.choice
"""


class InferenceRefused(Exception):
    """Something given from outside cannot be used; `detail` says what was expected and what came."""

    def __init__(self, code: str, expected: str, got: str) -> None:
        super().__init__(code, expected, got)
        self.code = code
        self.expected = expected
        self.got = got

    @property
    def detail(self) -> str:
        return f"expected {self.expected}, got {self.got}"

    def __str__(self) -> str:
        return self.detail


class ImageRefused(InferenceRefused):
    """One image cannot be decoded; the others of its batch can."""


class ModelRefused(InferenceRefused):
    """The model file, its metadata or its name in the registry cannot be used."""
