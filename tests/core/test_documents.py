"""From a file's bytes to the text of each document."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.documents import MAX_BYTES, MAX_DOCUMENTS, Text, Unread, any_texts, texts
from reconciler.core.fault import Code


def lines_and_texts(data):
    return [(text.line, text.text) for text in texts(data)]


def the_faults(data):
    return [fault for text in texts(data) if isinstance(text, Text) for fault in text.faults]


def test_a_file_without_markers_is_one_document():
    assert lines_and_texts(b"a: 1\nb: 2\n") == [(1, "a: 1\nb: 2\n")]


PIECES = st.sampled_from(
    [
        b"a: 1",
        b"\n",
        b"#",
        b"-",
        b"---",
        b"...",
        b"%",
        b" ",
        b"\r\n",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xe9",
        b"\xc3\xa9",
    ]
)


@given(st.lists(PIECES, max_size=8).map(b"".join))
@example(b"")
@example(b"# nothing")
@example(b"x" * (MAX_BYTES + 1))
def test_a_file_without_anything_special_is_cut_like_any_other(data):
    assert list(texts(data)) == list(any_texts(data))


@pytest.mark.parametrize(
    "nothing",
    [
        b"",
        b"\n\n",
        b"# only a comment\n",
        b"---\n",
        b"---\n---\n",
        b"--- # c\n...\n",
        b"\xef\xbb\xbf",
        b"...\n...\n",
    ],
)
def test_documents_without_content_are_nothing(nothing):
    assert lines_and_texts(nothing) == []


def test_each_document_knows_its_line():
    data = b"# first\na: 1\n---\nb: 2\n...\n# third\n---\nc: 3\n"
    assert lines_and_texts(data) == [
        (1, "# first\na: 1\n"),
        (3, "---\nb: 2\n"),
        (6, "# third\n---\nc: 3\n"),
    ]


def test_three_dashes_count_only_at_the_start_of_a_line_and_before_a_blank():
    data = b"a: |\n  ---\n  text\n--- \nb: --- c\n---d: 1\n"
    assert [line for line, _ in lines_and_texts(data)] == [1, 4]


def test_words_after_three_dots_are_left_to_the_parser_to_refuse():
    assert lines_and_texts(b"a: 1\n... b\n") == [(1, "a: 1\n... b\n")]


def test_a_byte_order_mark_at_the_start_is_dropped():
    assert lines_and_texts(b"\xef\xbb\xbfa: 1\n") == [(1, "a: 1\n")]


def test_a_file_that_ends_without_a_newline_reads_as_with_one():
    assert lines_and_texts(b"a: |\n b") == [(1, "a: |\n b\n")]


@pytest.mark.parametrize("version", [b"%YAML 1.1", b"%YAML 1.2", b"%YAML  1.2 # c"])
def test_a_version_directive_is_a_comment(version):
    assert lines_and_texts(version + b"\n---\na: 1\n") == [(1, f"#{version[1:].decode()}\n---\na: 1\n")]
    assert the_faults(version + b"\n---\na: 1\n") == []


def test_a_percent_sign_in_a_comment_is_no_directive():
    assert lines_and_texts(b"# 100 %\n\na: 1\n") == [(1, "# 100 %\n\na: 1\n")]
    assert the_faults(b"# 100 %\n\na: 1\n") == []


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"%TAG ! tag:example.org,2000:\n---\na: 1\n", 1),
        (b"%YAML 2.0\n---\na: 1\n", 1),
        (b"# c\n%FOO\n---\na: 1\n", 2),
        (b"%YAML 1.2\na: 1\n", 1),
        (b"%YAML 1.2\n%YAML 1.2\n---\na: 1\n", 2),
        (b"a: 1\n...\n%TAG ! x\n---\nb: 1\n", 3),
    ],
)
def test_other_directives_are_refused_where_they_stand(data, line):
    [fault] = the_faults(data)
    assert (fault.code, fault.line, fault.column) == (Code.DIRECTIVE, line, 1)


def test_bytes_that_are_not_utf8_are_told_with_their_place_and_spoil_only_their_document():
    first, second = texts("a: ä\nb: ö".encode() + b"\xff\n---\nc: 1\n")
    [fault] = first.faults
    assert (fault.code, fault.line, fault.column) == (Code.ENCODING, 2, 5)
    assert "0xFF" in fault.message
    assert second.faults == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_unicode_encodings_are_named_and_still_read_for_names(encoding):
    [text] = texts("name: ä".encode(encoding))
    assert text.text == "name: ä\n"
    assert text.faults[0].code is Code.ENCODING
    assert encoding.upper()[:6] in text.faults[0].message


@pytest.mark.parametrize(
    ("character", "word"),
    [
        ("\0", "control"),
        ("\x1b", "control"),
        ("\x7f", "control"),
        ("\x9b", "control"),
        ("\r", "carriage return"),
        ("\x85", "YAML 1.1"),
        ("\u2028", "\\u2028"),
        ("\u202e", "order"),
        ("\u2066", "order"),
        ("\u061c", "order"),
        ("\u200e", "order"),
        ("\u200f", "order"),
        ("\ufeff", "byte order mark"),
        ("\ufffe", "no character"),
    ],
)
def test_characters_that_nobody_sees_are_told_with_their_place(character, word):
    [text] = texts(f"a: ä\n# 😀{character}x\n".encode())
    [fault] = text.faults
    assert (fault.code, fault.line, fault.column) == (Code.CHARACTER, 2, 4)
    assert word in fault.message
    assert f"U+{ord(character):04X}" in fault.message
    assert text.text == "a: ä\n# 😀\ufffdx\n"


def test_windows_line_ends_and_joiners_are_fine():
    assert the_faults("a: 1\r\nb: עברית می\u200cخواهم 👩\u200d💻\r\n".encode()) == []


def test_many_bad_characters_are_told_once_there_are_twenty():
    faults = the_faults(b"\x01" * 50)
    assert len(faults) == 21
    assert faults[-1].message.startswith("30 more")


def test_a_file_that_is_too_large_is_told_once_for_each_name_in_it():
    data = b"metadata: {name: a}\n---\nx\n---\nmetadata: {name: b}\n" + b"#" * MAX_BYTES
    found = list(texts(data))
    assert all(isinstance(text, Unread) and text.fault.code is Code.TOO_LARGE for text in found)
    assert [text.line for text in found] == [1, 4]


def test_the_largest_file_is_read():
    data = b"a: 1\n" + b"#" * (MAX_BYTES - 5)
    assert the_faults(data) == []
    assert isinstance(next(texts(data)), Text)
    assert isinstance(next(texts(data + b"#")), Unread)


def test_a_large_file_without_content_is_still_told():
    [unread] = texts(b"#" * (MAX_BYTES + 1))
    assert isinstance(unread, Unread)


def test_the_first_thousand_documents_are_read_and_the_others_told():
    found = list(texts(b"--- a\n" * (MAX_DOCUMENTS + 5)))
    assert [type(text) for text in found] == [Text] * MAX_DOCUMENTS + [Unread]
    assert found[-1].fault.code is Code.TOO_MANY_DOCUMENTS
    assert found[-1].line == MAX_DOCUMENTS + 1


@given(st.binary())
def test_no_bytes_raise(data):
    list(texts(data))


@given(st.lists(st.sampled_from(["---", "...", "--- a", "%YAML 1.2", "# c", "a: 1", " x", "", "...x", "\r"])))
def test_every_line_of_content_is_in_exactly_one_document(lines):
    data = "".join(f"{line}\n" for line in lines)
    content = [line for line in lines if line in ("a: 1", " x", "--- a")]
    kept = [line for text in texts(data.encode()) for line in text.text.split("\n")]
    assert [line for line in kept if line in ("a: 1", " x", "--- a")] == content
