"""A runtime whose operator allows this machine as a receiver, and a receiver on it."""

from collections.abc import Iterator

import pytest

from service.core.runtime import Runtime
from tests.webhooks.support import Receiver, receiving


@pytest.fixture
def hooks(runtime: Runtime) -> Runtime:
    allowing = runtime.settings.model_copy(
        update={"private_hosts": frozenset({"127.0.0.1"}), "webhook_timeout_s": 10.0}
    )
    return Runtime(allowing, runtime.database, runtime.store)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one
