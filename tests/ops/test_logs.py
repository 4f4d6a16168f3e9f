"""The log: one pipe, one line each, nothing forged, nothing that looks like a credential."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
import structlog

from reconciler.ops.logs import MASK, configure, masked

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJwYXNzd29yZCI6Im5lYnVsYSJ9.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("httpcore", "httpx", "uvicorn", "watchdog", "asyncio")
    }
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def logged(log_format: str = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(log_format, level, stream)  # type: ignore[arg-type]
    return stream


def only_line(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_a_line_is_one_json_object_with_time_level_and_event_first() -> None:
    stream = logged()
    structlog.get_logger().info("submitted", name="pagerank", job=107)
    line = only_line(stream)
    assert list(line) == ["time", "level", "event", "name", "job"]
    assert (line["level"], line["event"], line["job"]) == ("info", "submitted", 107)
    assert str(line["time"]).endswith("Z")
    assert "T" in str(line["time"])


def test_what_lies_below_the_level_is_not_logged() -> None:
    stream = logged(level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    assert stream.getvalue() == ""


def test_what_libraries_log_comes_in_the_same_shape() -> None:
    stream = logged()
    logging.getLogger("some.library").warning("%d of %s", 3, "five")
    line = only_line(stream)
    assert (line["event"], line["level"], line["logger"]) == ("3 of five", "warning", "some.library")


def test_levels_and_formats_that_a_library_made_up_are_logged_all_the_same() -> None:
    stream = logged(level="debug")
    logging.getLogger("library").log(25, "between")
    logging.getLogger("library").log(60, "above")
    logging.getLogger("library").error("%d apples", "no")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["between", "above", "%d apples ('no',)"]


def test_a_warning_of_python_is_a_line_too() -> None:
    stream = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "old" in str(only_line(stream)["event"])


def test_the_http_librarys_debug_lines_stay_out_at_the_highest_level() -> None:
    stream = logged(level="debug")
    for name in ("httpcore.http11", "httpx", "uvicorn.error", "watchdog.observers"):
        logging.getLogger(name).debug("Set-Cookie: explorer_token=x")
        logging.getLogger(name).info("noise")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "odd", ["a\nb", "a\r\nb", "\x1b[31m", "\x9b2J", "\u2028", "\u202egnp.exe", "\x00", "\udcff"]
)
def test_no_value_can_forge_a_line_or_steer_a_terminal(log_format: str, odd: str) -> None:
    stream = logged(log_format)
    structlog.get_logger().info(odd, path=odd, nested={odd: [odd]})
    text = stream.getvalue()
    assert text.endswith("\n")
    assert len(text[:-1].splitlines()) == 1
    assert not any(letter in text[:-1] for letter in odd if letter not in "abgnp.ex[31m2J")


def test_json_keeps_every_value_as_it_was() -> None:
    stream = logged()
    odd = "a\n\x1b[31m\u202e张伟"
    structlog.get_logger().info("told", value=odd)
    assert only_line(stream)["value"] == odd
    assert "张伟" in stream.getvalue()


def test_a_value_of_any_type_can_be_logged() -> None:
    stream = logged()
    structlog.get_logger().info("odd", raw=b"\xff", some={1, 2}, by={(1, 2): 3})
    assert only_line(stream)["raw"] == "b'\\xff'"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_token_is_masked_wherever_in_a_line_it_stands(log_format: str) -> None:
    stream = logged(log_format, "debug")
    log = structlog.get_logger()
    log.info(f"got {TOKEN}", header={"Cookie": [f"explorer_token={TOKEN}; Path=/"]}, **{TOKEN: 1})
    logging.getLogger("library").error("Authorization: Bearer %s", "WyJyb290IiwibmVidWxhIl0=")
    try:
        raise ValueError(TOKEN)
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "eyJ" not in text
    assert "WyJ" not in text
    assert text.count(MASK) == 5


@pytest.mark.parametrize(
    "line", ["a plain line", "the key eye of eyJ", "bearer of news", "digest 0f.1e.2d", "basic income"]
)
def test_a_line_without_a_secret_stays_as_it_is(line: str) -> None:
    assert masked(line) == line


def test_a_traceback_is_told_in_one_json_line_and_marked_on_a_terminal() -> None:
    for log_format in ("json", "console"):
        stream = logged(log_format)
        in_a_variable = "".join(["not", "shown"])
        try:
            raise ValueError("first\nsecond" + in_a_variable[:0])
        except ValueError:
            structlog.get_logger().exception("failed")
        text = stream.getvalue()
        assert "notshown" not in text
        if log_format == "json":
            assert "first\nsecond" in str(only_line(stream)["exception"])
        else:
            assert all(line.startswith("  | ") for line in text.splitlines()[1:])
            assert "  | second" in text


def test_a_terminal_gets_lines_for_people_and_colours_unless_told_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for setting, has_colours in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", setting)
        stream = Terminal()
        configure(None, "info", stream)
        structlog.get_logger().info("submitted", name="pagerank")
        assert "submitted" in stream.getvalue()
        assert not stream.getvalue().startswith("{")
        assert ("\x1b[" in stream.getvalue()) is has_colours


def test_elsewhere_lines_are_json_unless_told_otherwise() -> None:
    stream = io.StringIO()
    configure(None, "info", stream)
    structlog.get_logger().info("submitted")
    assert only_line(stream)["event"] == "submitted"
    assert logged("console").getvalue() == ""


def test_a_stream_that_refuses_stops_nobody() -> None:
    class Full(io.StringIO):
        def write(self, _: str, /) -> int:
            raise OSError(28, "No space left on device")

    configure("json", "info", Full())
    structlog.get_logger().error("nobody hears this")
    closed = io.StringIO()
    configure("json", "info", closed)
    closed.close()
    structlog.get_logger().error("nor this")


def test_lines_of_many_threads_stay_whole() -> None:
    class Halting(io.StringIO):
        def write(self, text: str, /) -> int:
            for start in range(0, len(text), 100):
                super().write(text[start : start + 100])
                time.sleep(0)  # lets another thread go first
            return len(text)

    stream = Halting()
    configure("json", "info", stream)
    log = structlog.get_logger()
    threads = [
        threading.Thread(target=lambda: [log.info("x" * 500, number=number) for number in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 400
    assert {json.loads(line)["event"] for line in lines} == {"x" * 500}
