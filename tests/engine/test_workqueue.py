"""The keyed queue: order, lanes, replacement, and its invariant under any sequence of calls."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconciler.engine.workqueue import WorkQueue


def queue_of(*entries: tuple[str, str]) -> WorkQueue[str]:
    queue: WorkQueue[str] = WorkQueue()
    for number, (key, lane) in enumerate(entries):
        queue.put(key, lane, f"task {key}", number)
    return queue


def test_what_was_put_first_is_taken_first() -> None:
    queue = queue_of(("a", "1"), ("b", "2"))
    assert [queue.take(9).key, queue.take(9).key, queue.take(9)] == ["a", "b", None]


def test_a_lane_is_worked_on_once_at_a_time_and_others_go_on() -> None:
    queue = queue_of(("a", "1"), ("b", "1"), ("c", "2"))
    assert [queue.take(9).key, queue.take(9).key, queue.take(9)] == ["a", "c", None]
    queue.done("1")
    assert queue.take(9).key == "b"


def test_lanes_take_turns() -> None:
    queue = queue_of(("a", "1"), ("b", "1"), ("c", "1"), ("d", "2"))
    order = []
    for _ in range(4):
        entry = queue.take(9)
        order.append(entry.key)
        queue.done(entry.lane)
    assert order == ["a", "d", "b", "c"]


def test_what_is_put_again_replaces_what_waits_and_keeps_its_age() -> None:
    queue = queue_of(("a", "1"))
    queue.put("a", "1", "newer", 50)
    entry = queue.take(99)
    assert (entry.task, entry.since_ms) == ("newer", 0)
    queue.done("1")
    assert queue.take(99) is None


def test_what_is_not_due_is_not_taken_and_says_when() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.put("a", "1", "task", 0, due_ms=100)
    assert queue.take(99) is None
    assert queue.next_due_ms() == 100
    assert queue.take(100).key == "a"
    assert queue.next_due_ms() is None


def test_what_is_dropped_is_not_taken() -> None:
    queue = queue_of(("a", "1"), ("b", "1"))
    queue.drop("a")
    assert queue.take(9).key == "b"
    assert len(queue) == 0


def test_the_oldest_is_known() -> None:
    queue = queue_of(("a", "1"), ("b", "2"))
    assert queue.oldest_ms() == 0
    queue.take(9)
    assert queue.oldest_ms() == 1


def test_a_key_is_not_worked_on_twice_at_once_in_two_lanes() -> None:
    queue = queue_of(("a", "1"))
    assert queue.take(9).key == "a"
    queue.put("a", "2", "moved", 10)
    assert queue.take(11) is None
    queue.done("1")
    assert queue.take(12).task == "moved"


def test_what_is_put_back_gives_way_to_something_newer() -> None:
    queue = queue_of(("a", "1"))
    taken = queue.take(9)
    queue.put("a", "1", "newer", 10)
    queue.put_back(taken, 11, 12)
    queue.done("1")
    assert queue.take(99).task == "newer"


def test_a_clock_that_was_set_back_makes_nothing_wait_for_it() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.put("a", "1", "task", 10**12, due_ms=10**12 + 5_000)
    assert queue.take(10**12 - 7_200_000).key == "a"


def test_a_blocked_lane_gives_nothing_and_others_go_on() -> None:
    queue = queue_of(("a", "1"), ("b", "2"))
    queue.block("1", "why")
    assert [queue.take(9).key, queue.take(9)] == ["b", None]
    assert not queue.has_due(9)
    assert len(queue) == 1
    queue.unblock("1", "why")
    assert queue.has_due(9)
    assert queue.take(9).key == "a"


def test_what_is_put_into_a_blocked_lane_waits_and_keeps_its_order() -> None:
    queue = queue_of(("a", "1"))
    queue.block("1", "why")
    queue.put("b", "1", "task b", 1)
    queue.put("c", "1", "task c", 2, due_ms=5)
    assert queue.take(9) is None
    queue.unblock("1", "why")
    order = []
    for _ in range(3):
        order.append(queue.take(9).key)
        queue.done("1")
    assert order == ["a", "b", "c"]


def test_a_lane_that_is_blocked_while_it_is_busy_ends_its_work_and_gives_no_more() -> None:
    queue = queue_of(("a", "1"), ("b", "1"))
    queue.take(9)
    queue.block("1", "why")
    queue.done("1")
    assert queue.take(9) is None
    queue.unblock("1", "why")
    assert queue.take(9).key == "b"


def test_a_block_that_is_taken_away_while_the_lane_is_busy_lets_it_give_nothing_sooner() -> None:
    queue = queue_of(("a", "1"), ("b", "1"))
    queue.take(9)
    queue.block("1", "why")
    queue.unblock("1", "why")
    assert queue.take(9) is None
    queue.done("1")
    assert [queue.take(9).key, queue.take(9)] == ["b", None]


def test_a_lane_is_blocked_until_the_last_of_its_blocks_is_gone() -> None:
    queue = queue_of(("a", "1"))
    for why in ("one", "other", "one"):
        queue.block("1", why)
    queue.unblock("1", "one")
    queue.unblock("1", "nobody's")
    assert queue.take(9) is None
    queue.unblock("1", "other")
    assert queue.take(9).key == "a"


def test_to_unblock_what_is_not_blocked_changes_nothing() -> None:
    queue = queue_of(("a", "1"))
    queue.unblock("1", "why")
    assert [queue.take(9).key, queue.take(9)] == ["a", None]


def test_what_waits_for_a_key_that_is_busy_elsewhere_respects_a_block() -> None:
    queue = queue_of(("a", "1"))
    queue.take(9)
    queue.put("a", "2", "moved", 10)
    assert queue.take(11) is None
    queue.block("2", "why")
    queue.done("1")
    assert queue.take(12) is None
    queue.unblock("2", "why")
    assert queue.take(12).task == "moved"


class Machine(RuleBasedStateMachine):
    """Whatever is called in whatever order: one worker a lane, and nothing due is ever stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: WorkQueue[int] = WorkQueue()
        self.now_ms = 0
        self.wanted: dict[str, tuple[str, int]] = {}
        self.busy: dict[str, str] = {}
        self.blocks: set[tuple[str, str]] = set()

    @rule(key=st.sampled_from("abcde"), lane=st.sampled_from("123"), wait_ms=st.integers(0, 3))
    def put(self, key: str, lane: str, wait_ms: int) -> None:
        self.queue.put(key, lane, 0, self.now_ms, self.now_ms + wait_ms)
        self.wanted[key] = (lane, self.now_ms + wait_ms)

    @rule(key=st.sampled_from("abcde"))
    def drop(self, key: str) -> None:
        self.queue.drop(key)
        self.wanted.pop(key, None)

    @rule()
    def take(self) -> None:
        entry = self.queue.take(self.now_ms)
        takeable = {
            key
            for key, (lane, due) in self.wanted.items()
            if due <= self.now_ms and lane not in self.busy and key not in self.busy.values()
            if not any(lane == blocked for blocked, _ in self.blocks)
        }
        assert (entry is not None) == bool(takeable)
        if entry is not None:
            assert entry.key in takeable
            self.busy[entry.lane] = entry.key
            del self.wanted[entry.key]

    @rule(lane=st.sampled_from("123"))
    def done(self, lane: str) -> None:
        if lane in self.busy:
            del self.busy[lane]
            self.queue.done(lane)

    @rule(lane=st.sampled_from("123"), why=st.sampled_from("xy"))
    def block(self, lane: str, why: str) -> None:
        self.queue.block(lane, why)
        self.blocks.add((lane, why))

    @rule(lane=st.sampled_from("123"), why=st.sampled_from("xy"))
    def unblock(self, lane: str, why: str) -> None:
        self.queue.unblock(lane, why)
        self.blocks.discard((lane, why))

    @rule()
    def tick(self) -> None:
        self.now_ms += 1

    @invariant()
    def it_holds_what_is_wanted(self) -> None:
        assert len(self.queue) == len(self.wanted)


TestMachine = Machine.TestCase
