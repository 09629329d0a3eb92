"""No two namespaces hold ids of each other, whoever races, dies, edits by hand or loses the ledger.

Several controllers are at work, one request at a time, in an order that Hypothesis chooses. Between
any two requests a controller may die or an answer get lost, a namespace may be made, deleted or
edited, the ledger may be deleted, cut off or restored from a backup.
"""

import copy
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import cast

from hypothesis import HealthCheck, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.controllers.ranges.memory_api import NAMESPACES, MemoryApi, Object
from tests.controllers.ranges.stepping import Died, Running, taking_turns
from webhook.cluster.client import Api, ApiError, ClusterError
from webhook.controllers.ranges.claims import OutdatedError, Ranges, UIDRangeFullError
from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.mcs import LabelsInUse
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE, block
from webhook.core.platform import SccSettings
from webhook.core.provisioning.ranges.allocate import LiveNamespace, in_use
from webhook.core.provisioning.ranges.ledger_text import read

LEDGER = f"{NAMESPACES}/tenantgate-system/configmaps/tenantgate-scc-uid"
BLOCKS = Blocks.parse("10-20/2")
USUAL, CHANGED = (
    SccSettings(uid_allocator_range=blocks) for blocks in (BLOCKS, Blocks.parse("11-26/3"))
)

names = st.sampled_from("abcde")
controllers = st.integers(0, 2)
configured = st.sampled_from([False, False, False, True]).map(
    lambda changed: CHANGED if changed else USUAL
)
places = st.sampled_from(["GET", "PUT", "PATCH", "PATCH", "the end"])
by_hand = st.sampled_from(
    ["10/2", "12-13", "14/2", "11/2", "17/1", "8/100", "11/3", "14/3", "", "foo", "4/2", "30/5"]
)


class Races(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.api = MemoryApi()
        taking_turns(self.api)
        self.controllers = [self.controller() for _ in range(3)]
        self.running: list[Running | None] = [None, None, None]
        self.ours: dict[str, str] = {}
        self.labels: dict[str, str | None] = {}
        self.cached: dict[str, list[Object]] = {}
        self.backup: Object | None = None
        self.allotted = 0
        for name in "abc":
            self.edit("make", name, "", False)

    def controller(self) -> Ranges:
        return Ranges(cast(Api, self.api), "tenantgate-system", pause=lambda attempt: None)

    # What controllers do

    def reconcile(self, who: int, name: str, seen: Object | None, by: SccSettings) -> None:
        """Do as a controller does: read, ask, write at the version that was read, or try again."""
        path = f"{NAMESPACES}/{name}"
        for _ in range(4):
            namespace = seen or self.api.find(path, timeout=1)
            seen = None
            if namespace is None:
                return
            try:
                found = self.controllers[who].annotations_for(namespace, by)
                self.annotate(path, namespace["metadata"], found.annotations)
            except OutdatedError:
                continue
            except ApiError as error:
                if error.status != 409:
                    raise
                continue
            return

    def annotate(self, path: str, was: Object, changes: Mapping[str, str | None]) -> None:
        if changes:
            pinned = {key: was[key] for key in ("uid", "resourceVersion")}
            self.api.merge(path, {"metadata": {**pinned, "annotations": changes}}, timeout=1)

    @rule(
        who=controllers,
        what=st.sampled_from(["reconcile"] * 4 + ["repair", "go on", "go on", "fail", "die"]),
        name=names,
        stale=st.integers(-9, 3),
        by=configured,
        until=places,
        error=st.sampled_from([ClusterError("no"), ApiError("no", 409), ApiError("no", 500)]),
        late=st.booleans(),
    )
    def control(
        self,
        *,
        who: int,
        what: str,
        name: str,
        stale: int,
        by: SccSettings,
        until: str,
        error: ClusterError,
        late: bool,
    ) -> None:
        """Let a controller do something, up to a request of some kind.

        It reconciles a namespace, as it is now or as a cache still has it. A request fails, whether
        or not it has come to something. Or the controller dies, and one that knows nothing follows.
        """
        match what:
            case "go on":
                pass
            case "reconcile":
                old = self.cached.get(name, [])
                seen = copy.deepcopy(old[-stale]) if 0 < stale <= len(old) else None
                self.busy(who, lambda: self.reconcile(who, name, seen, by))
            case "repair":
                self.busy(who, lambda: none(self.controllers[who].repair(by)))
            case "fail":
                self.let(who, lambda running: running.step(error, late=late))
            case _:
                self.let(who, lambda running: running.step(Died(), late=late))
                self.controllers[who] = self.controller()
        self.let(who, lambda running: running.until(until))

    def busy(self, who: int, work: Callable[[], None]) -> None:
        """Finish what the controller is at, and begin something else."""
        while self.running[who] is not None:
            self.let(who, lambda running: running.step())
        self.running[who] = Running(work)
        self.ended(who)

    def let(self, who: int, happen: Callable[[Running], None]) -> None:
        if (running := self.running[who]) is not None:
            happen(running)
            self.ended(who)

    def ended(self, who: int) -> None:
        running = self.running[who]
        if running is not None and running.over:
            self.running[who] = None

    # What others do

    @rule(
        what=st.sampled_from(
            ["make"] * 3 + ["delete", "finish", "write", "take off", "take off all", "touch"]
        ),
        name=names,
        text=by_hand,
        annotated=st.sampled_from([False, False, True]),
    )
    def edit(self, what: str, name: str, text: str, annotated: bool) -> None:
        """Do something to a namespace, as an administrator or the namespace controller."""
        path = f"{NAMESPACES}/{name}"
        if (found := self.live(name)) is None:
            if what == "make":
                self.api.namespace(name, {UID_RANGE: text} if annotated else {})
                self.seen(name)
            return
        match what:
            case "delete" | "finish":
                found["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
                self.api.changed(path)
            case "write":
                self.api.annotate(name, {UID_RANGE: text})
            case "take off":
                self.api.annotate(name, {UID_RANGE: None})
            case "take off all":
                self.api.annotate(name, dict.fromkeys((UID_RANGE, SUPPLEMENTAL_GROUPS, MCS)))
            case _:
                self.api.annotate(name, {"note": "x"})
        self.seen(name)
        if what in ("write", "take off", "take off all", "finish"):
            self.ours.pop(found["metadata"]["uid"], None)
        if what == "finish":
            del self.api.objects[path]

    @rule(what=st.sampled_from(["delete", "truncate", "edit", "label", "back up", "restore"]))
    def meddle(self, what: str) -> None:
        """Do something to the ledger."""
        if (found := self.api.objects.get(LEDGER)) is None:
            return
        data = found.get("data", {})
        match what:
            case "delete":
                del self.api.objects[LEDGER]
                return
            case "truncate":
                found["data"] = {key: data[key][:3] for key in data if key != "checksum"}
            case "edit":
                found["data"] = {**data, "taken": "0"}
            case "back up":
                self.backup = copy.deepcopy(data)
                return
            case "restore" if self.backup is not None:
                self.api.create(LEDGER)
                self.api.objects[LEDGER]["data"] = self.backup
        self.api.changed(LEDGER)

    def live(self, name: str) -> Object | None:
        return self.api.objects.get(f"{NAMESPACES}/{name}")

    def seen(self, name: str) -> None:
        if found := self.live(name):
            self.cached.setdefault(name, []).append(copy.deepcopy(found))

    # What holds

    @invariant()
    def nobody_shares(self) -> None:
        for uid, was, changes in self.api.merged:
            if UID_RANGE in changes:
                assert UID_RANGE not in was, "a range was overwritten"
                self.ours[uid] = changes[UID_RANGE]
                self.labels[uid] = changes.get(MCS)
                self.allotted += 1
        self.api.merged.clear()
        held = {
            found["metadata"]["uid"]: found["metadata"]["annotations"].get(UID_RANGE)
            for found in self.namespaces()
        }
        for uid, text in self.ours.items():
            assert held[uid] == text
        for (_, one), (_, other) in combinations(sorted(self.ours.items()), 2):
            first, second = block(one), block(other)
            assert first.max < second.min or second.max < first.min, (one, other)
        labels = [label for uid, label in self.labels.items() if uid in self.ours and label]
        assert len(set(labels)) == len(labels)

    def teardown(self) -> None:
        """In the end whoever waits gets its block, nothing has leaked, and nothing else changes."""
        for running in self.running:
            while running is not None and not running.over:
                running.step()
        self.nobody_shares()
        event(f"{min(self.allotted, 9)} allotted in a race")
        ranges = self.controllers[0]
        ranges.repair(USUAL)
        full = False
        for name in "abcde":
            if self.live(name):
                try:
                    self.reconcile(0, name, None, USUAL)
                except UIDRangeFullError:
                    event("full")
                    full = True
        self.nobody_shares()
        ranges.repair(USUAL)
        config_map = self.api.objects[LEDGER]
        ledger = read(config_map["data"], config_map["metadata"]["uid"])
        live = [LiveNamespace.from_object(found) for found in self.namespaces()]
        note(f"{ledger} {live}")
        assert ledger.taken == in_use(live, BLOCKS)
        assert not ledger.claims
        assert full == any(each.waits for each in live)
        labels = LabelsInUse(each.annotations.get(MCS, "") for each in live)
        for number in range(BLOCKS.count if full else 0):
            assert ledger.taken >> number & 1 or labels.clash(USUAL.mcs_categories(number))
        for each in live:
            ours = self.ours.get(each.uid)
            if ours is not None and BLOCKS.index(block(ours)) is not None:
                assert each.annotations[SUPPLEMENTAL_GROUPS] == ours
                assert each.annotations[MCS]
            if not each.waits and not each.terminating:
                assert UID_RANGE_AWAITED not in each.annotations

    def namespaces(self) -> list[Object]:
        return [
            found
            for path, found in self.api.objects.items()
            if path.rpartition("/")[0] == NAMESPACES
        ]


def none(value: object) -> None:
    """Take any value for no result."""


TestRaces = Races.TestCase
TestRaces.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
