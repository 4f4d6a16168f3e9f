"""What a daemon does: starts, lists, notes, sends, records. What it decides is the daemon's own code.

Each function gives the moves that are possible now, as sentences with the moment after. A rule that a variant
leaves out is left out here; settling has a file of its own (`settling`).
"""

from __future__ import annotations

from reconciler.core.model import (
    Accepted,
    Held,
    Intent,
    JobId,
    Name,
    Rejected,
    RunKey,
    RunState,
    Submitting,
    Superseded,
    Waiting,
)
from reconciler.core.outcome import (
    Created,
    Exchange,
    NoReply,
    NotCreated,
    Receipt,
    Refused,
    Reply,
    Throttled,
    Unclear,
    receipt,
)
from reconciler.core.submission import after
from tests.model.rules import Rule, Setting
from tests.model.settling import new_look, quiet_listings, settling
from tests.model.world import (
    NAMES,
    UNSENT,
    Look,
    Moves,
    Process,
    Quarantine,
    Request,
    Row,
    Step,
    World,
    open_intent,
    owner_of,
    plain,
    replaced,
    shown,
    visible,
    with_process,
    with_row,
)

KEYS = tuple(RunKey(Name(name), 1, 1) for name in NAMES)
TIMED_OUT = NoReply("timed out")


def daemon_moves(setting: Setting, world: World) -> Moves:
    for me, process in enumerate(world.processes):
        who = "the daemon" if len(world.processes) == 1 else f"daemon {me + 1}"
        match process.step:
            case Step.DOWN:
                yield from _start(setting, world, me, who)
            case Step.IDLE:
                yield from _list_first(setting, world, who)
                yield from _begin(setting, world, me, who)
                yield from _give_up(setting, world, me, who)
                yield from quiet_listings(setting, world, who)
                yield from settling(setting, world, me, who)
            case Step.NOTED:
                yield _send(world, me, who)
            case Step.SENT:
                yield from _receive(setting, world, me, who)
            case Step.STOPPED:
                pass


def _start(setting: Setting, world: World, me: int, who: str) -> Moves:
    is_running = any(process.step is not Step.DOWN for process in world.processes)
    if is_running and setting.keeps(Rule.LOCK):
        return
    if world.is_damaged and setting.keeps(Rule.CHECKSUMS):
        stopped = with_process(world, me, Process(Step.STOPPED, looks=(None,) * len(world.wanted)))
        yield f"{who} starts, finds a damaged row, says so and sends nothing", stopped
        return
    is_older = setting.keeps(Rule.HIGH_WATER) and world.store.intents < world.high_water
    is_restored = is_older or world.store.quarantine is not Quarantine.NONE
    if is_restored:
        world = _quarantined(setting, world)
    looks = tuple(_look_at_start(setting, world, row) for row in world.store.rows)
    is_unlisted = world.store.quarantine is Quarantine.NOT_LISTED
    look = new_look(setting, world, Rule.QUARANTINE_SETTLES) if is_unlisted else None
    started = with_process(world, me, Process(Step.IDLE, looks=looks, quarantine=look))
    yield f"{who} starts{' in quarantine' if is_restored else ''}", _resent_at_start(setting, started)


def _quarantined(setting: Setting, world: World) -> World:
    store = world.store
    if setting.keeps(Rule.QUARANTINE_LISTS) and store.quarantine is Quarantine.NONE:
        store = store._replace(quarantine=Quarantine.NOT_LISTED)
    if setting.keeps(Rule.QUARANTINE_HOLDS):
        store = store._replace(rows=tuple(_held_if_open(row) for row in store.rows))
    return world._replace(store=store)


def _held_if_open(row: Row | None) -> Row | None:
    intent = open_intent(row)
    return row if row is None or intent is None else row._replace(state=Held(intent, ""))


def _look_at_start(setting: Setting, world: World, row: Row | None) -> Look | None:
    if open_intent(row) is None or not setting.keeps(Rule.OPEN_IS_LOOKED_FOR):
        return None
    return new_look(setting, world, Rule.SETTLE_FROM_NOW)


def _resent_at_start(setting: Setting, world: World) -> World:
    if setting.keeps(Rule.OPEN_IS_NOT_RESENT):
        return world
    for run, row in enumerate(world.store.rows):
        intent = open_intent(row)
        if row is not None and intent is not None:
            world = with_row(world, run, row._replace(state=Waiting(intent.try_number)))
    return world


def _list_first(setting: Setting, world: World, who: str) -> Moves:
    if world.store.highest is None and world.store.quarantine is Quarantine.NONE:
        highest = max(visible(world), default=JobId(0))
        if not setting.keeps(Rule.BASELINE_FROM_LISTINGS):
            highest = JobId(0)
        listed = world.store._replace(highest=highest, first_baseline=highest)
        yield f"{who} lists the workflow: {shown(visible(world))}", world._replace(store=listed)


def _begin(setting: Setting, world: World, me: int, who: str) -> Moves:
    """Claim a run and note the intent to send it: one transaction."""
    store = world.store
    if store.quarantine is not Quarantine.NONE or store.highest is None:
        return
    is_open = any(open_intent(row) is not None for row in store.rows)
    if is_open and setting.keeps(Rule.ONE_POST) and setting.keeps(Rule.ROW_COMPARED):
        return
    for run, row in enumerate(store.rows):
        if world.wanted[run] and _may_begin(setting, row) and not _is_mirrored(setting, world, run):
            yield _noted(setting, world, me, run, who)


def _may_begin(setting: Setting, row: Row | None) -> bool:
    match row:
        case None | Row(state=Waiting() | Superseded()):
            return True
        case Row(state=Submitting()):
            return not setting.keeps(Rule.ROW_COMPARED)
        case Row(state=Accepted()):
            return not setting.keeps(Rule.UNIQUE_KEYS)
        case _:
            return False


def _is_mirrored(setting: Setting, world: World, run: int) -> bool:
    """Whether a and b are exchanged, and nothing else: where nothing tells them apart, a comes first."""
    return run > 0 and world.sent == 0 and len(set(setting.policies)) == 1 and world.wanted[0]


def _noted(setting: Setting, world: World, me: int, run: int, who: str) -> tuple[str, World]:
    store, row = world.store, world.store.rows[run] or Row(UNSENT)
    tries, first = (row.state.tries, row.baseline) if isinstance(row.state, Waiting) else (0, None)
    assert store.highest is not None
    baseline = first if first is not None and setting.keeps(Rule.FIRST_BASELINE) else store.highest
    intent = Intent(store.intents + 1, tries + 1, "", baseline, store.highest, 0)
    store = store._replace(
        rows=replaced(store.rows, run, Row(Submitting(intent), baseline, store.highest)),
        intents=intent.number,
    )
    process = world.processes[me]
    looks = process.looks
    if not setting.keeps(Rule.SETTLE_FROM_NOW):
        looks = replaced(looks, run, new_look(setting, world, Rule.SETTLE))
    process = process._replace(step=Step.NOTED, run=run, token=world.sent + 1, looks=looks)
    noted = world._replace(store=store, sent=world.sent + 1, high_water=max(world.high_water, intent.number))
    about = f"for run {NAMES[run]} (try {intent.try_number}, baseline {baseline})"
    return f"{who} notes intent {intent.number} {about}", with_process(noted, me, process)


def _send(world: World, me: int, who: str) -> tuple[str, World]:
    process = world.processes[me]
    intent = open_intent(world.store.rows[process.run])
    is_retry = intent is not None and intent.try_number > 1
    request = Request(process.token, process.run, is_retry)
    sent = world._replace(requests=tuple(sorted((*world.requests, request))))
    return (
        f"{who} sends the POST for run {NAMES[process.run]}",
        with_process(sent, me, process._replace(step=Step.SENT)),
    )


def _receive(setting: Setting, world: World, me: int, who: str) -> Moves:
    process = world.processes[me]
    if process.reply is not None:
        said = answer_in_words(process.reply)
        yield f"{who} reads the answer: {said}", _recorded(setting, world, me, process.reply)
    lost = "the answer is lost" if process.reply is not None else "no answer comes"
    yield f"{lost}, and {who} gives up waiting", _recorded(setting, world, me, TIMED_OUT)


def answer_in_words(exchange: Exchange) -> str:
    match exchange:
        case Reply(status=status, body=body):
            return f"HTTP {status} {body.decode()}"
        case other:
            return other.detail


def _recorded(setting: Setting, world: World, me: int, exchange: Exchange) -> World:
    """The moment after an exchange: its receipt is on disk, or its run is looked for."""
    process = world.processes[me]
    run, row = process.run, world.store.rows[process.run]
    idle = process._replace(step=Step.IDLE, run=0, token=0, reply=None)
    intent = open_intent(row)
    if intent is None or row is None:  # another daemon's doing: the row says something else by now
        return with_process(world, me, idle)
    found = _receipt(setting, exchange, row)
    owner = None
    if isinstance(found, Created) and setting.keeps(Rule.ID_UNOWNED):
        owner = owner_of(world.store, found.job_id)
    match after(found, intent, KEYS[owner] if owner is not None else None, 0, 0.0, 0):
        case Accepted() | Waiting() | Rejected() | Held() as state:
            recorded = with_row(with_process(world, me, idle), run, row._replace(state=plain(state)))
            return _known(setting, recorded, state)
        case _:
            code = found.code if isinstance(found, Unclear) else None
            look = idle.looks[run] or new_look(setting, world, Rule.SETTLE)
            looking = idle._replace(looks=replaced(idle.looks, run, look))
            return with_process(with_row(world, run, row._replace(code=code)), me, looking)


def _receipt(setting: Setting, exchange: Exchange, row: Row) -> Receipt:
    """The daemon's own reading of an answer, or that of one with a rule less."""
    below = row.seen if setting.keeps(Rule.ID_ABOVE_ALL_SEEN) else row.baseline
    if below is None or not setting.keeps(Rule.ID_ABOVE_BASELINE):
        below = JobId(0)
    found = receipt(exchange, below)
    match exchange:
        case NoReply() if not setting.keeps(Rule.TIME_OUT_IS_UNKNOWN):
            return NotCreated(Throttled(0.0))
        case Reply(status=status) if status >= 500 and not setting.keeps(Rule.SERVER_ERROR_IS_UNKNOWN):
            return NotCreated(Throttled(0.0))
        case Reply(status=status) if status >= 500 and not setting.keeps(Rule.SERVER_ERROR_IS_NO_REFUSAL):
            return NotCreated(Refused(status * 100_000, ""))
        case Reply(status=408) if not setting.keeps(Rule.PROXY_4XX_IS_UNKNOWN):
            return NotCreated(Throttled(0.0))
        case _:
            return found


def _known(setting: Setting, world: World, state: RunState) -> World:
    """The baseline of the next intent, raised by a receipt."""
    store = world.store
    if isinstance(state, Accepted) and setting.keeps(Rule.BASELINE_FROM_RECEIPTS):
        store = store._replace(highest=max(store.highest or JobId(0), state.job_id))
    return world._replace(store=store)


def _give_up(setting: Setting, world: World, me: int, who: str) -> Moves:
    """End what is no longer wanted: what waits at once, what is unknown only after a look."""
    for run, row in enumerate(world.store.rows):
        if row is None or world.wanted[run]:
            continue
        if not setting.keeps(Rule.ROWS_STAY) and isinstance(row.state, Accepted | Rejected):
            yield f"{who} forgets run {NAMES[run]}, whose manifest is gone", with_row(world, run, None)
        is_unsent = isinstance(row.state, Waiting)
        is_open = isinstance(row.state, Submitting)
        if is_unsent or (is_open and not setting.keeps(Rule.LOOK_BEFORE_SUPERSEDING)):
            ended = with_row(world, run, Row(Superseded("")))
            process = world.processes[me]
            process = process._replace(looks=replaced(process.looks, run, None))
            yield (
                f"{who} gives up run {NAMES[run]}, which is no longer wanted",
                with_process(ended, me, process),
            )
