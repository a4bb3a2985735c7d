"""Whatever is lost, doubled, spoiled or cut off on the wire, every message is handed over exactly once and in order."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.fix.errors import NotLoggedOn
from app.fix.types import Direction
from tests.fix.pairs import Pair, Side, news, pair, texts

SIDES = st.sampled_from(["initiator", "acceptor"])
FATES = st.sampled_from(["arrives", "arrives", "is lost", "doubles", "spoils"])


class Wire(RuleBasedStateMachine):
    """Two sides that talk over a wire which a test makes as bad as it can."""

    both: Pair

    @initialize()
    def start(self) -> None:
        self.both = pair()
        self.sent: dict[str, list[str]] = {"initiator": [], "acceptor": []}
        self.both.connect()

    def _side(self, name: str) -> Side:
        return self.both.initiator if name == "initiator" else self.both.acceptor

    def _other(self, name: str) -> Side:
        return self.both.acceptor if name == "initiator" else self.both.initiator

    @rule(name=SIDES)
    def send(self, name: str) -> None:
        side, text = self._side(name), f"{name} {len(self.sent[name])}"
        if side.session is None:
            return
        try:
            side.send(news(text))
        except NotLoggedOn:
            return
        self.sent[name].append(text)

    @rule(
        name=SIDES,
        index=st.integers(0, 9),
        fate=FATES,
    )
    def something_happens_to_a_message(self, name: str, index: int, fate: str) -> None:
        sender, receiver = self._side(name), self._other(name)
        if not sender.wire or receiver.session is None:
            return
        # The wire keeps the order of what it delivers, as TCP does; what it loses may be anywhere
        at = 0 if fate == "arrives" else min(index, len(sender.wire) - 1)
        data = sender.wire.pop(at)
        if fate == "doubles":
            sender.wire.insert(at, data)
        if fate == "spoils":
            data = data[:20] + bytes([data[20] ^ 1]) + data[21:]
        if fate != "is lost":
            receiver.receive(data)

    @rule(name=SIDES)
    def everything_arrives(self, name: str) -> None:
        sender, receiver = self._side(name), self._other(name)
        if receiver.session is not None:
            data = b"".join(sender.wire)
            sender.wire.clear()
            receiver.receive(data)

    @rule()
    def the_connection_drops_and_comes_back(self) -> None:
        self.both.connect()

    @rule(name=SIDES)
    def a_side_dies_before_its_turn_is_stored(self, name: str) -> None:
        """It has read what arrived, and nothing of it is known after the restart."""
        side, other = self._side(name), self._other(name)
        if side.session is not None:
            side.session.receive(b"".join(other.wire))
            self.both.connect()

    @precondition(lambda self: hasattr(self, "both"))
    @rule(name=SIDES)
    def a_side_dies_before_it_hands_over(self, name: str) -> None:
        """What is stored and not taken is handed over from the journal after the restart."""
        side, other = self._side(name), self._other(name)
        if side.session is None:
            return
        side.session.receive(b"".join(other.wire))
        turn = side.session.take()
        side.store(turn)
        side.handed += turn.handed  # by the restarted process, before it connects
        self.both.connect()

    @rule(seconds=st.sampled_from([1, 11, 40]))
    def time_passes(self, seconds: int) -> None:
        self.both.clock.advance(timedelta(seconds=seconds))
        for side in (self.both.initiator, self.both.acceptor):
            if side.session is not None:
                side.tick()

    @invariant()
    def nothing_is_handed_over_twice_or_out_of_order(self) -> None:
        for name in self.sent if hasattr(self, "sent") else ():
            found = texts(self._other(name).handed)
            assert found == self.sent[name][: len(found)]

    def teardown(self) -> None:
        if not hasattr(self, "both"):
            return
        self.both.connect()
        for _ in range(3):
            self.both.deliver()
            self.both.clock.advance(timedelta(seconds=11))
            for side in (self.both.initiator, self.both.acceptor):
                side.tick()
        for name, sent in self.sent.items():
            assert texts(self._other(name).handed) == sent
        for side in (self.both.initiator, self.both.acceptor):
            assert side.active
            places = [each.place for each in side.entries if each.direction is Direction.IN]
            assert places == sorted(set(places))


Wire.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestWire = Wire.TestCase
