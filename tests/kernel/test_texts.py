"""What people may write."""

import pytest

from app.kernel.texts import is_text


@pytest.mark.parametrize("text", ["a", " a ", "two\nlines", "Grüße, 元気", "a" * 5])
def test_text(text: str) -> None:
    assert is_text(text, 9)


@pytest.mark.parametrize("text", ["", " ", "\n", "a\0b", "a\tb", "a\rb", "\ud800", "a" * 10, "\u202eabc"])
def test_no_text(text: str) -> None:
    assert not is_text(text, 9)
