"""The way to a directory is followed component by component, and every link on it is known."""

from __future__ import annotations

from pathlib import Path

from reconciler.source.links import Broken, Reached, follow


def test_a_way_without_links_ends_at_the_directory(tmp_path: Path) -> None:
    trail = follow(str(tmp_path))
    status = tmp_path.stat()
    assert trail.links == ()
    assert trail.end == Reached(str(tmp_path), (status.st_dev, status.st_ino))


def test_each_link_is_told_with_the_directory_that_holds_it(tmp_path: Path) -> None:
    (tmp_path / "real" / "jobs.d").mkdir(parents=True)
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "real")
    trail = follow(str(tmp_path / "one" / "jobs.d"))
    assert [(link.parent, link.name, link.target) for link in trail.links] == [
        (str(tmp_path), "one", "two"),
        (str(tmp_path), "two", str(tmp_path / "real")),
    ]
    assert isinstance(trail.end, Reached)
    assert trail.end.path == str(tmp_path / "real" / "jobs.d")


def test_two_dots_after_a_link_go_up_from_its_target_as_the_kernel_goes(tmp_path: Path) -> None:
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (tmp_path / "deep" / "jobs.d").mkdir()
    (tmp_path / "link").symlink_to("deep/inner")
    end = follow(f"{tmp_path}/link/../jobs.d").end
    assert isinstance(end, Reached)
    assert end.path == str(tmp_path / "deep" / "jobs.d")


def test_a_link_exchanged_for_one_with_the_same_text_is_another_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    before = follow(str(link))
    (tmp_path / "new").symlink_to("real")
    (tmp_path / "new").rename(link)
    assert follow(str(link)) != before


def test_a_broken_way_tells_where_it_breaks(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("a/b")
    end = follow(str(tmp_path / "dangling" / "c")).end
    assert isinstance(end, Broken)
    assert (end.parent, end.name) == (str(tmp_path), "a")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    end = follow(str(tmp_path / "one")).end
    assert isinstance(end, Broken)
    assert end.why == "too many levels of symbolic links"


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    end = follow(str(tmp_path / "file")).end
    assert isinstance(end, Broken)
    assert end.why == "not a directory"
