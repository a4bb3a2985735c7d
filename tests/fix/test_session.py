"""The session's rules, one by one, without sockets: FIX 4.4, volume 2."""

from datetime import timedelta

import pytest

from app.fix.codec import encode
from app.fix.errors import NotLoggedOn
from app.fix.message import Message
from app.fix.tags import MsgType, SessionRejectReason, Tag
from app.fix.times import to_text
from app.fix.types import Direction, Numbers
from app.kernel.clock import ManualClock
from tests.fix.pairs import HEARTBEAT, NOW, Pair, logged_on, news, pair, read, texts

MINUTE = timedelta(minutes=1)


def venue(sequence: int, message: Message, at: ManualClock | None = None, **names: str) -> bytes:
    """What the acceptor's side might have written."""
    sender, target = names.get("sender", "VENUE"), names.get("target", "HOUSE")
    return encode(message, sender=sender, target=target, sequence=sequence, sending_time=at.now() if at else NOW)


def test_a_logon_agrees_on_the_heartbeat() -> None:
    both = logged_on()
    for message in (both.initiator.entries[0].message, both.acceptor.entries[0].message):
        assert message.type == MsgType.LOGON
        assert (message[Tag.ENCRYPT_METHOD], message[Tag.HEART_BT_INT]) == ("0", "30")
        assert message.get(Tag.RESET_SEQ_NUM_FLAG) is None
    assert both.initiator.numbers == both.acceptor.numbers == Numbers(0, 2, 2)


def test_messages_go_both_ways_in_order() -> None:
    both = logged_on()
    for number in range(5):
        both.initiator.send(news(f"out {number}"))
        both.acceptor.send(news(f"back {number}"))
    both.deliver()
    assert texts(both.acceptor.handed) == [f"out {number}" for number in range(5)]
    assert texts(both.initiator.handed) == [f"back {number}" for number in range(5)]


def test_nothing_can_be_sent_before_the_logon() -> None:
    both = pair()
    both.connect()
    before = both.initiator.numbers
    with pytest.raises(NotLoggedOn, match="nothing was sent"):
        both.initiator.send(news("early"))
    assert both.initiator.numbers == before


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({Tag.ENCRYPT_METHOD: 1, Tag.HEART_BT_INT: 30}, "EncryptMethod"),
        ({Tag.ENCRYPT_METHOD: 0}, "108"),
        ({Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: "soon"}, "108"),
        ({Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30, Tag.RESET_SEQ_NUM_FLAG: "Y"}, "ResetSeqNumFlag"),
    ],
)
def test_a_logon_that_says_something_else_is_refused(fields: dict[Tag, object], complaint: str) -> None:
    both = pair()
    both.acceptor.connect()
    both.acceptor.receive(encode(Message.of("A", fields), sender="HOUSE", target="VENUE", sequence=1, sending_time=NOW))
    (logout,) = read(both.acceptor.wire)
    assert logout.type == MsgType.LOGOUT
    assert complaint in logout[Tag.TEXT]
    assert both.acceptor.ended
    assert both.acceptor.numbers.next_in == 1


def test_the_first_message_must_be_a_logon() -> None:
    both = pair()
    both.acceptor.connect()
    both.acceptor.receive(encode(news("hello"), sender="HOUSE", target="VENUE", sequence=1, sending_time=NOW))
    assert both.acceptor.ended is not None
    assert both.acceptor.wire == []
    assert both.acceptor.handed == []


def test_a_refused_logon_says_why() -> None:
    both = pair()
    both.initiator.connect()
    both.initiator.receive(venue(1, Message.of("5", {Tag.TEXT: "closed on Sundays"})))
    assert "closed on Sundays" in (both.initiator.ended or "")


def test_a_logon_that_is_not_answered_is_given_up() -> None:
    both = pair()
    both.initiator.connect()
    both.clock.advance(timedelta(seconds=9))
    assert both.initiator.tick().closed is None
    both.clock.advance(timedelta(seconds=1))
    assert both.initiator.tick().closed == "no Logon within 10 s"


def test_numbers_start_again_only_where_that_was_agreed() -> None:
    both = logged_on(reset=True)
    both.initiator.send(news("first era"))
    both.deliver()
    assert both.acceptor.numbers == Numbers(1, 3, 2)
    both.connect()
    both.deliver()
    assert both.acceptor.numbers == both.initiator.numbers == Numbers(2, 2, 2)
    both.initiator.send(news("second era"))
    both.deliver()
    assert [each.place.era for each in both.acceptor.handed] == [1, 2]


def test_silence_is_filled_with_heartbeats() -> None:
    both = logged_on()
    both.clock.advance(HEARTBEAT)
    both.initiator.tick()
    (beat,) = read(both.initiator.wire)
    assert beat.type == MsgType.HEARTBEAT
    assert both.initiator.tick().written == []


def test_a_silent_other_side_is_asked_and_then_left() -> None:
    both = logged_on()
    both.clock.advance(HEARTBEAT * 1.2)
    (question,) = read(both.initiator.tick().written)
    assert question.type == MsgType.TEST_REQUEST
    both.clock.advance(HEARTBEAT * 1.2)
    assert both.initiator.tick().closed is not None


def test_a_test_request_is_answered_with_its_own_words() -> None:
    both = logged_on()
    both.clock.advance(HEARTBEAT * 1.2)
    question = read(both.initiator.tick().written)[0]
    both.deliver()
    answer = next(each for each in both.acceptor.entries if each.message.type == MsgType.HEARTBEAT)
    assert answer.message[Tag.TEST_REQ_ID] == question[Tag.TEST_REQ_ID]
    both.clock.advance(HEARTBEAT)
    assert both.initiator.tick().closed is None


def test_a_logout_is_answered_and_ends_both() -> None:
    both = logged_on()
    assert both.initiator.session is not None
    both.initiator.session.logout("good night")
    both.initiator.work()
    both.deliver()
    assert both.acceptor.ended == "logged out: good night"
    assert both.initiator.ended == "logged out: no reason given"
    assert both.initiator.numbers == both.acceptor.numbers


def test_a_logout_that_is_not_answered_is_not_waited_for() -> None:
    both = logged_on()
    assert both.initiator.session is not None
    both.initiator.session.logout()
    both.initiator.work()
    with pytest.raises(NotLoggedOn):
        both.initiator.send(news("too late"))
    both.clock.advance(timedelta(seconds=10))
    assert both.initiator.tick().closed == "no Logout within 10 s"


def test_what_is_missing_is_sent_again_and_nothing_is_handed_on_before() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    both.acceptor.wire.clear()  # lost
    both.acceptor.send(news("two"))
    turn = both.initiator.receive(b"".join(both.acceptor.wire))
    both.acceptor.wire.clear()
    assert turn.handed == []
    (request,) = read(turn.written)
    assert (request.type, request[Tag.BEGIN_SEQ_NO], request[Tag.END_SEQ_NO]) == (MsgType.RESEND_REQUEST, "2", "0")
    both.deliver()
    assert texts(both.initiator.handed) == ["one", "two"]
    again = both.initiator.handed[0].message
    assert again.has(Tag.POSS_DUP_FLAG)
    assert again[Tag.ORIG_SENDING_TIME] == to_text(NOW)


def test_what_is_missing_is_asked_for_once_and_again_when_it_does_not_come() -> None:
    both = logged_on()
    both.acceptor.send(news("lost"))
    both.acceptor.wire.clear()
    for number in range(5):
        both.acceptor.send(news(f"{number}"))
    turn = both.initiator.receive(b"".join(both.acceptor.wire))
    assert [message.type for message in read(turn.written)] == [MsgType.RESEND_REQUEST]
    both.clock.advance(timedelta(seconds=9))
    assert both.initiator.tick().written == []
    both.clock.advance(timedelta(seconds=1))
    assert [message.type for message in read(both.initiator.tick().written)] == [MsgType.RESEND_REQUEST]


def test_session_messages_are_skipped_when_sent_again() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    for _ in range(2):
        both.clock.advance(HEARTBEAT)
        both.acceptor.tick()
    both.acceptor.send(news("two"))
    both.acceptor.wire.clear()
    both.clock.advance(HEARTBEAT)
    both.acceptor.tick()
    last = both.acceptor.wire.pop()
    both.acceptor.wire.clear()
    both.initiator.receive(last)
    both.acceptor.receive(b"".join(both.initiator.wire))
    again = [(each.type, each[Tag.MSG_SEQ_NUM], each.get(Tag.NEW_SEQ_NO)) for each in read(both.acceptor.wire)]
    assert again[:3] == [("B", "2", None), ("4", "3", "5"), ("B", "5", None)]
    assert again[3][:2] == ("4", "6")
    both.initiator.wire.clear()
    both.deliver()
    assert texts(both.initiator.handed) == ["one", "two"]
    assert both.initiator.numbers.next_in == both.acceptor.numbers.next_out


def test_a_resend_request_is_answered_though_its_own_number_is_too_high() -> None:
    both = logged_on()
    for side in (both.initiator, both.acceptor):
        side.send(news("lost on both ways"))
        side.wire.clear()
        side.send(news("seen"))
    both.deliver()
    for side in (both.initiator, both.acceptor):
        assert texts(side.handed) == ["lost on both ways", "seen"]


def test_a_possible_duplicate_is_ignored() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    both.deliver()
    again = Message.of("B", {Tag.POSS_DUP_FLAG: "Y", Tag.ORIG_SENDING_TIME: to_text(NOW), Tag.TEXT: "one"})
    turn = both.initiator.receive(venue(2, again))
    assert (turn.handed, turn.written, turn.changed) == ([], [], False)


def test_a_possible_resend_is_handed_on_as_one() -> None:
    both = logged_on()
    both.initiator.receive(venue(2, Message.of("B", {Tag.POSS_RESEND: "Y", Tag.TEXT: "again?"})))
    assert [each.poss_resend for each in both.initiator.handed] == [True]


def test_a_number_that_is_too_low_ends_the_session() -> None:
    both = logged_on()
    turn = both.initiator.receive(venue(1, news("who are you?")))
    (logout,) = read(turn.written)
    assert logout.type == MsgType.LOGOUT
    assert logout[Tag.TEXT] == "MsgSeqNum too low, expecting 2 but received 1"
    assert turn.closed
    assert turn.handed == []


def test_a_logon_with_too_high_a_number_logs_on_and_asks() -> None:
    both = logged_on()
    both.initiator.send(news("sent into the void"))
    both.connect()
    both.deliver()
    assert both.initiator.active
    assert texts(both.acceptor.handed) == ["sent into the void"]


def test_a_logon_with_too_low_a_number_is_refused() -> None:
    both = logged_on()
    both.initiator.numbers = Numbers()
    both.connect()
    both.deliver()
    assert "too low" in (both.initiator.ended or "")
    assert not both.acceptor.active


def test_a_logout_with_too_high_a_number_is_answered_and_the_rest_comes_with_the_next_logon() -> None:
    both = logged_on()
    both.acceptor.send(news("lost"))
    both.acceptor.wire.clear()
    assert both.acceptor.session is not None
    both.acceptor.session.logout()
    both.acceptor.work()
    both.deliver()
    assert both.initiator.ended
    assert both.initiator.numbers.next_in == 2
    both.connect()
    both.deliver()
    assert texts(both.initiator.handed) == ["lost"]


def test_a_reset_gives_up_what_is_missing() -> None:
    both = logged_on()
    both.initiator.receive(venue(9, news("seven are missing")))
    turn = both.initiator.receive(venue(1, Message.of("4", {Tag.NEW_SEQ_NO: 20})))
    assert turn.numbers.next_in == 20
    both.initiator.receive(venue(20, news("go on")))
    assert texts(both.initiator.handed) == ["go on"]


@pytest.mark.parametrize(
    "message",
    [
        Message.of("4", {Tag.NEW_SEQ_NO: 1}),
        Message.of("4", {Tag.NEW_SEQ_NO: "x"}),
        Message.of("4", {Tag.GAP_FILL_FLAG: "N", Tag.NEW_SEQ_NO: 1}),
        Message.of("4", {Tag.GAP_FILL_FLAG: "Y", Tag.NEW_SEQ_NO: 2}),
        Message.of("1", {Tag.TEXT: "no TestReqID"}),
        Message.of("2", {Tag.BEGIN_SEQ_NO: 1}),
        Message.of("2", {Tag.BEGIN_SEQ_NO: 99, Tag.END_SEQ_NO: 0}),
        Message.of("B", {Tag.POSS_DUP_FLAG: "Y", Tag.TEXT: "no OrigSendingTime"}),
        Message.of("B", {Tag.POSS_DUP_FLAG: "Y", Tag.ORIG_SENDING_TIME: to_text(NOW + MINUTE), Tag.TEXT: "late"}),
    ],
)
def test_what_makes_no_sense_is_rejected_and_never_handed_on(message: Message) -> None:
    both = logged_on()
    turn = both.initiator.receive(venue(2, message))
    (reject,) = read(turn.written)
    assert (reject.type, reject[Tag.REF_SEQ_NUM], reject[Tag.REF_MSG_TYPE]) == (MsgType.REJECT, "2", message.type)
    assert turn.handed == []
    assert not any(entry.application for entry in both.initiator.entries if entry.direction is Direction.IN)
    assert both.initiator.active


def test_fields_that_cannot_be_read_are_rejected_and_counted() -> None:
    both = logged_on()
    body = b"35=B\x0149=VENUE\x0156=HOUSE\x0134=2\x0152=20261125-15:00:00\x0158=\x01"
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    turn = both.initiator.receive(_with_checksum(head + body))
    (reject,) = read(turn.written)
    assert reject[Tag.SESSION_REJECT_REASON] == str(int(SessionRejectReason.TAG_WITHOUT_VALUE))
    assert turn.numbers.next_in == 3
    both.initiator.receive(venue(3, news("next")))
    assert texts(both.initiator.handed) == ["next"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (venue(2, news("x"), sender="OTHER"), "OTHER"),
        (venue(2, news("x"), target="OTHER"), "OTHER"),
        (venue(2, news("x")).replace(b"FIX.4.4", b"FIX.4.2"), "FIX.4.2"),
        (venue(2, news("x")).replace(b"\x0134=2", b"\x0133=2"), "34"),
        (venue(2, news("x"), ManualClock(NOW - timedelta(minutes=3))), "SendingTime"),
        (venue(2, news("x"), ManualClock(NOW + timedelta(minutes=3))), "SendingTime"),
    ],
)
def test_an_envelope_that_cannot_be_trusted_ends_the_session(data: bytes, complaint: str) -> None:
    both = logged_on()
    turn = both.initiator.receive(_with_checksum(data[: data.rindex(b"10=")]))
    logout = read(turn.written)[-1]
    assert logout.type == MsgType.LOGOUT
    assert complaint in logout[Tag.TEXT]
    assert turn.closed
    assert turn.handed == []
    assert turn.numbers.next_in == 2


def test_a_wrong_checksum_or_garbage_is_as_if_it_had_never_come() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    spoiled = b"".join(both.acceptor.wire).replace(b"58=one", b"58=oma")
    both.acceptor.wire.clear()
    turn = both.initiator.receive(b"\x00garbage\x01" + spoiled)
    assert (turn.handed, turn.written, turn.changed) == ([], [], False)
    assert both.initiator.active
    both.acceptor.send(news("two"))
    both.deliver()
    assert texts(both.initiator.handed) == ["one", "two"]
    assert both.initiator.session is not None
    assert both.initiator.session.garbled > 0


def test_a_second_logon_ends_the_session() -> None:
    both = logged_on()
    turn = both.initiator.receive(venue(2, Message.of("A", {Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30})))
    assert turn.closed == "a Logon when already logged on"


def test_a_burst_is_one_turn() -> None:
    both = logged_on()
    for number in range(20):
        both.acceptor.send(news(f"{number}"))
    turn = both.initiator.receive(b"".join(both.acceptor.wire))
    assert len(turn.entries) == len(turn.handed) == 20
    assert turn.numbers.next_in == 22


def test_what_was_not_stored_before_a_crash_is_sent_again() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    assert both.initiator.session is not None
    both.initiator.session.receive(b"".join(both.acceptor.wire))  # and the process dies before the turn is stored
    _start_again(both)
    assert texts(both.initiator.handed) == ["one"]


def test_what_was_stored_but_not_handed_over_before_a_crash_is_in_the_journal() -> None:
    both = logged_on()
    both.acceptor.send(news("one"))
    assert both.initiator.session is not None
    both.initiator.session.receive(b"".join(both.acceptor.wire))
    both.initiator.store(both.initiator.session.take())  # and the process dies before it is handed over
    _start_again(both)
    assert both.initiator.handed == [], "the other side knows that it was received"
    kept = [entry for entry in both.initiator.entries if entry.application and entry.direction is Direction.IN]
    assert [entry.message[Tag.TEXT] for entry in kept] == ["one"]


def test_what_was_stored_but_not_sent_before_a_crash_is_sent_after_it() -> None:
    both = logged_on()
    assert both.initiator.session is not None
    both.initiator.session.send(news("one"))
    both.initiator.store(both.initiator.session.take())
    _start_again(both)
    assert texts(both.acceptor.handed) == ["one"]


def _start_again(both: Pair) -> None:
    both.connect()
    both.deliver()
    assert both.initiator.active


def _with_checksum(head: bytes) -> bytes:
    return head + b"10=%03d\x01" % (sum(head) % 256)
