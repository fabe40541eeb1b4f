"""A client of 1688 on the talker."""

import pytest

from shipment_tracking.platforms.ali1688.client import Ali1688Client


@pytest.fixture
def client(gateway) -> Ali1688Client:
    return Ali1688Client(gateway)
