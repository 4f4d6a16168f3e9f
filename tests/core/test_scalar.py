"""What one unquoted word means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fault import Code
from reconciler.core.scalar import MAX_INTEGER, Refusal, resolve


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("Tim Duncan", "Tim Duncan"),
        ("2022-8-19", "2022-8-19"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("10.0.0.1", "10.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("nothing", "nothing"),
        ("yesterday", "yesterday"),
        ("1e3x", "1e3x"),
        ("...", "..."),
        ("٣", "٣"),
        ("0", 0),
        ("-0", 0),
        ("42", 42),
        ("-42", -42),
        ("1.0", 1.0),
        ("-0.0", 0.0),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("1.5e-7", 1.5e-7),
        (str(MAX_INTEGER), MAX_INTEGER),
        (str(-MAX_INTEGER), -MAX_INTEGER),
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("true", True),
        ("True", True),
        ("FALSE", False),
    ],
)
def test_a_word_that_all_yaml_versions_and_json_read_alike_has_that_value(word, value):
    read = resolve(word)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("word", "write"),
    [
        ("no", 'false, or "no" in quotes'),
        ("No", 'false, or "No" in quotes'),
        ("n", 'false, or "n" in quotes'),
        ("OFF", 'false, or "OFF" in quotes'),
        ("yes", 'true, or "yes" in quotes'),
        ("Y", 'true, or "Y" in quotes'),
        ("on", 'true, or "on" in quotes'),
        ("012", '12, or "012" in quotes'),
        ("-012", '-12, or "-012" in quotes'),
        ("09", '9, or "09" in quotes'),
        ("00", '0, or "00" in quotes'),
        ("0o14", '12, or "0o14" in quotes'),
        ("0b11", '3, or "0b11" in quotes'),
        ("0x1F", '31, or "0x1F" in quotes'),
        ("-0x1f", '-31, or "-0x1f" in quotes'),
        ("1_000", '1000, or "1_000" in quotes'),
        ("1_000.5", '1000.5, or "1_000.5" in quotes'),
        ("1:30", '"1:30" in quotes'),
        ("01:30", '"01:30" in quotes'),
        ("190:20:30.15", '"190:20:30.15" in quotes'),
        ("+1", '1, or "+1" in quotes'),
        ("+.5e3", '0.5e3, or "+.5e3" in quotes'),
        (".5", '0.5, or ".5" in quotes'),
        ("-.5", '-0.5, or "-.5" in quotes'),
        ("5.", '5.0, or "5." in quotes'),
        ("00.5", '0.5, or "00.5" in quotes'),
        (".inf", '".inf" in quotes'),
        ("-.Inf", '"-.Inf" in quotes'),
        (".NaN", '".NaN" in quotes'),
        ("=", '"=" in quotes'),
        ("-", '"-" in quotes'),
        ("<<", '"<<" in quotes'),
    ],
)
def test_a_word_that_is_read_differently_somewhere_is_refused_with_what_to_write(word, write):
    read = resolve(word)
    assert isinstance(read, Refusal)
    assert (read.code, read.write) == (Code.AMBIGUOUS, write)


@pytest.mark.parametrize(
    "word",
    ["9007199254740992", "-9007199254740992", "9" * 5000, "1e309", "-1e999", "1e-400", "0.0001e-99999"],
)
def test_a_number_that_would_not_stay_the_same_is_refused(word):
    read = resolve(word)
    assert isinstance(read, Refusal)
    assert read.code is Code.NUMBER


def test_zero_in_any_spelling_of_json_is_not_too_small():
    assert resolve("0.000e-999") == 0


@given(st.text())
def test_every_word_is_itself_or_a_value_or_refused(word):
    read = resolve(word)
    assert not isinstance(read, str) or read == word


@given(st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_json_writes_is_read_back(number):
    assert resolve(repr(number)) == number
