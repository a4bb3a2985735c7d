"""The venues that orders can go to, and which of them an instrument's orders go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.market.types import Instrument, InstrumentKind
from app.venues.port import Venue
from app.venues.profile import VenueProfile, VenueProfiles


@dataclass(frozen=True, slots=True)
class Venues:
    """Venues by name, where each kind of instrument is dealt, and how."""

    by_name: Mapping[str, Venue]
    routes: Mapping[InstrumentKind, str]
    profiles: VenueProfiles

    def route(self, instrument: Instrument) -> str:
        """The name of the venue that deals in the instrument."""
        return self.routes[instrument.kind]

    def profile(self, instrument: Instrument, at: datetime) -> VenueProfile:
        """How that venue deals in it at a moment of market time."""
        return self.profiles.profile_of(self.route(instrument), instrument.kind, at)
