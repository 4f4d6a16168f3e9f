"""The headers that mean something: which token is taken, how long a pause is believed, what the time is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.explorer.headers import LONGEST_PAUSE_S, date_ms, retry_after_s, token_in

NOW_S = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110."""


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["explorer_token=eyJ.a-b_c.d; Path=/; Max-Age=259200; HttpOnly"], "eyJ.a-b_c.d"),
        (["explorer_token=abc"], "abc"),
        ([" explorer_token = abc "], "abc"),
        (["other=1; Path=/", "explorer_token=abc; Secure"], "abc"),
        (["explorer_token=old", "explorer_token=new"], "new"),
        (["explorer_token=old", "explorer_token=; Max-Age=0"], "old"),
        (["explorer_token=a=b=="], "a=b=="),
        ([], None),
        (["explorer_token"], None),
        (["explorer_token="], None),
        (["Explorer_Token=abc"], None),
        (["x=1; explorer_token=abc"], None),
        (["explorer_token=a b"], None),
        (["explorer_token=a,b"], None),
        (['explorer_token="abc"'], None),
        (["explorer_token=a\\b"], None),
        (["explorer_token=tökén"], None),
        (["explorer_token=" + "x" * 8193], None),
    ],
)
def test_only_a_session_token_of_sane_characters_is_taken(cookies: list[str], token: str | None) -> None:
    found = token_in(cookies)
    assert (found and found.reveal()) == token


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        (" 120 ", 120.0),
        ("86400", LONGEST_PAUSE_S),
        ("9" * 60, LONGEST_PAUSE_S),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:47", 10.0),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
        ("Sun, 06 Nov 2094 08:49:37 GMT", LONGEST_PAUSE_S),
        ("Sun, 06 Nov 1994 10:49:47 +0200", 10.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Sun, 99 Nov 1994 99:99:99 GMT", None),
        ("9" * 65, None),
    ],
)
def test_a_pause_is_believed_within_bounds(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW_S) == seconds


@pytest.mark.parametrize(
    ("server_date", "seconds"),
    [
        ("Sun, 06 Nov 1994 03:49:37 GMT", 10.0),  # five hours behind us, and so is what it asks for
        ("soon", 0.0),
        ("x" * 100, 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_a_date_is_measured_by_the_clock_of_the_server_that_says_it(
    server_date: str | None, seconds: float
) -> None:
    assert retry_after_s("Sun, 06 Nov 1994 03:49:47 GMT", NOW_S, server_date) == seconds


@given(value=st.text(max_size=70) | st.text(st.characters(codec="ascii"), max_size=64))
def test_no_text_makes_a_pause_endless_or_the_parser_fall(value: str) -> None:
    seconds = retry_after_s(value, NOW_S)
    assert seconds is None or 0 <= seconds <= LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
        (" Sun, 06 Nov 1994 08:49:37 GMT ", 784_111_777_000),
        ("Sun, 06 Nov 1994 08:49:37", 784_111_777_000),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("9" * 65, None),
    ],
)
def test_a_date_says_what_the_servers_clock_says(value: str | None, found: int | None) -> None:
    assert date_ms(value) == found
