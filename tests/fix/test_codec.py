"""Messages in a stream of bytes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fix.codec import Framer, decode, encode
from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import SessionRejectReason, Tag
from app.fix.times import time_of, to_text

NOW = datetime(2026, 11, 25, 15, 0, 0, 123000, tzinfo=UTC)

#: Printed in the FIX 4.2 article of Wikipedia ("Body"), with its length and checksum.
PUBLISHED = (
    "8=FIX.4.2|9=178|35=8|49=PHLX|56=PERS|52=20071123-05:30:00.000|11=ATOMNOCCC9990900|20=3|150=E|39=E|55=MSFT|167=CS|"
    "54=1|38=15|40=2|44=15|58=PHLX EQUITY TESTING|59=0|47=C|32=0|31=0|151=15|14=0|6=0|10=128|"
)


def raw(message: Message, sequence: int = 1) -> bytes:
    return encode(message, sender="A", target="B", sequence=sequence, sending_time=NOW)


def with_checksum(fields: str) -> bytes:
    """A frame made by hand from what stands between BodyLength and CheckSum."""
    body = fields.replace("|", "\x01").encode()
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


def test_a_published_message_is_one() -> None:
    frames = Framer().feed(PUBLISHED.replace("|", "\x01").encode())
    assert [frame.begin_string for frame in frames] == ["FIX.4.2"]
    assert decode(frames[0])[Tag.SYMBOL] == "MSFT"


def test_what_is_written_is_read_again() -> None:
    sent = Message.of("D", {Tag.CL_ORD_ID: "x=1", Tag.TEXT: "8=FIX is no beginning, äöü", Tag.POSS_RESEND: "Y"})
    (frame,) = Framer().feed(raw(sent, 7))
    message = decode(frame)
    assert frame.sequence == 7
    assert (message.type, message[Tag.CL_ORD_ID], message[Tag.TEXT]) == ("D", "x=1", sent[Tag.TEXT])
    assert message.has(Tag.POSS_RESEND)
    assert time_of(message, Tag.SENDING_TIME) == NOW
    tags = [tag for tag, _ in message.fields]
    assert tags == [49, 56, 34, 52, 97, 11, 58], "the header comes first"


@given(st.lists(st.integers(1, 200)), st.integers(1, 5))
def test_messages_are_found_however_the_bytes_are_cut(cuts: list[int], count: int) -> None:
    data = b"".join(raw(Message.of("B", {Tag.TEXT: f"{number}"}), number) for number in range(1, count + 1))
    framer, found, at = Framer(), [], 0
    for cut in [*cuts, len(data)]:
        found += framer.feed(data[at : at + cut])
        at += cut
    assert [frame.sequence for frame in found] == list(range(1, count + 1))
    assert framer.garbled == 0


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_garbage_hides_no_message_that_follows(before: bytes, between: bytes) -> None:
    # Garbage that is itself the beginning of a message waits for its end, so enough has to follow
    filler = b"".join(raw(Message.of("B", {Tag.TEXT: "x" * 2000}), 9) for _ in range(40)) if b"8=FIX" in before else b""
    framer = Framer()
    found = framer.feed(before + raw(Message.of("B", {Tag.TEXT: "1"}), 1) + between + raw(Message("0"), 2) + filler)
    assert [frame.sequence for frame in found][:2] == [1, 2]


def test_a_changed_byte_spoils_one_message_only() -> None:
    good, bad = raw(Message.of("B", {Tag.TEXT: "good"}), 2), bytearray(raw(Message.of("B", {Tag.TEXT: "bad"}), 1))
    for position in range(len(bad)):
        spoiled = bytearray(bad)
        spoiled[position] ^= 0x04
        framer = Framer()
        found = framer.feed(bytes(spoiled) + good + good * 2000)
        assert found, position
        assert {frame.sequence for frame in found} == {2}, position
        assert framer.garbled > 0


def test_nothing_is_kept_of_what_never_becomes_a_message() -> None:
    framer = Framer()
    for _ in range(100):
        assert framer.feed(b"\xff" * 1000) == []
    assert len(framer._buffer) < 100


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("35=B|34=1|58=|", SessionRejectReason.TAG_WITHOUT_VALUE),
        ("35=B|34=1|x=1|", SessionRejectReason.INVALID_TAG_NUMBER),
        ("34=1|35=B|49=A|", SessionRejectReason.OUT_OF_ORDER),
        ("35=B|34=1|10=000|58=x|", SessionRejectReason.OUT_OF_ORDER),
    ],
)
def test_fields_that_cannot_be_read_are_named(fields: str, reason: SessionRejectReason) -> None:
    (frame,) = Framer().feed(with_checksum(fields))
    assert frame.sequence == 1
    with pytest.raises(FieldError) as caught:
        decode(frame)
    assert caught.value.reason is reason


def test_what_is_no_text_is_written_out() -> None:
    body = b"35=B\x0134=1\x0158=\xff\x00\x01"
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    (frame,) = Framer().feed(head + body + b"10=%03d\x01" % (sum(head + body) % 256))
    assert decode(frame)[Tag.TEXT] == "\\xff\\x00"


@pytest.mark.parametrize("text", ["", "a\x01b", "a\0b"])
def test_what_fix_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither empty nor holds SOH or NUL"):
        Message.of("B", {Tag.TEXT: text})


def test_times_go_to_the_millisecond_and_back() -> None:
    assert to_text(NOW) == "20261125-15:00:00.123"
    for text in ("20261125-15:00:00", "20261125-15:00:00.000", "20261125-15:00:00.000000"):
        assert time_of(Message.of("0", {Tag.SENDING_TIME: text}), Tag.SENDING_TIME) == NOW.replace(microsecond=0)
    with pytest.raises(FieldError):
        time_of(Message.of("0", {Tag.SENDING_TIME: "yesterday"}), Tag.SENDING_TIME)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "x", "9" * 19])
def test_numbers_are_whole_and_not_negative(text: str) -> None:
    with pytest.raises(FieldError):
        Message("0", ((int(Tag.HEART_BT_INT), text),)).number(Tag.HEART_BT_INT)
