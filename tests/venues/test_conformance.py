"""The conformance spec, on the venues that live in this process."""

import pytest

from app.venues.paper import PaperBehaviour
from tests.venues.conformance import VenueSpec
from tests.venues.conftest import PaperMarket
from tests.venues.trial import Counterparty


class TestPaperVenue(VenueSpec):
    @pytest.fixture
    def us(self, paper: PaperMarket) -> Counterparty:
        return paper(PaperBehaviour(split=1.0))


class TestHouseVenue(VenueSpec):
    remembers = False

    @pytest.fixture
    def us(self, house: Counterparty) -> Counterparty:
        return house
