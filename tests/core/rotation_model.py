"""A cluster reduced to what a rotation is about: three things that are written, and who sees what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from webhook.core.rotation import (
    BACKDATE,
    Certificate,
    Leaf,
    Observed,
    Step,
    Terms,
    Wish,
    plan,
    remaining,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Authorities:
    signing: Certificate | None = None
    coming: Certificate | None = None
    former: tuple[Certificate, ...] = ()
    published_at: datetime | None = None
    replaced_at: datetime | None = None

    def all(self) -> tuple[Certificate, ...]:
        return (*filter(None, (self.signing, self.coming)), *self.former)

    def ids(self) -> frozenset[str]:
        return frozenset(ca.id for ca in self.all())


@dataclass(frozen=True)
class Tls:
    leaf: Leaf | None = None
    beside: frozenset[str] = frozenset()


class Kept(Generic[T]):
    """A value with its version, and what it was for whoever learns of changes late."""

    def __init__(self, value: T, now: datetime) -> None:
        self.value, self.version = value, 0
        self._past = [(now, value)]

    def put(self, value: T, now: datetime) -> None:
        self.value = value
        self.version += 1
        self._past.append((now, value))

    def since(self, time: datetime) -> Iterator[T]:
        """Yield what it was at any moment after that."""
        until = [when for when, _ in self._past[1:]]
        for (_, value), end in zip(self._past, [*until, None], strict=True):
            if end is None or end > time:
                yield value


class World:
    """What is stored. Servers and API servers may be as late as the settle time allows."""

    TERMS: ClassVar = Terms(
        ca_lifetime=timedelta(seconds=3000),
        leaf_lifetime=timedelta(seconds=600),
        settle=timedelta(seconds=60),
        overlap=timedelta(seconds=120),
    )

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.made: dict[str, Certificate] = {}
        self.authorities = Kept(Authorities(), self.now)
        self.tls = Kept(Tls(), self.now)
        self.registrations: list[Kept[frozenset[str]]] = [Kept(frozenset(), self.now)]
        self._shown: Leaf | None = None
        self._dark_until = self.now

    def new(self, life: timedelta) -> Certificate:
        name = f"ca-{len(self.made)}"
        self.made[name] = Certificate(name, self.now - BACKDATE, self.now + life)
        return self.made[name]

    # What happens

    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def register(self) -> None:
        """Somebody adds a registration that trusts nobody yet."""
        if len(self.registrations) < 4:
            self.registrations.append(Kept(frozenset(), self.now))

    def revert(self) -> None:
        """Somebody overwrites a caBundle: until it is mended, its trust is not our fault."""
        self.registrations[0] = Kept(frozenset(), self.now)

    def truncate(self) -> None:
        """Somebody damages the serving certificate; servers keep what they have."""
        if self.authorities.value.signing:
            self.tls.put(replace(self.tls.value, leaf=None), self.now)

    def lose(self) -> None:
        """Somebody deletes the authorities, while the certificate is served."""
        leaf = self.tls.value.leaf
        if leaf and leaf.holds(self.now) and leaf.signer in self.tls.value.beside:
            self.authorities.put(Authorities(), self.now)

    # What has to hold

    def check(self) -> None:
        """Make sure that whoever is late is trusted by whoever is late.

        Where every leaf had expired before anybody came to look, it is too late for that.
        """
        late = self.now - self.TERMS.settle
        leaves = {tls.leaf for tls in self.tls.since(late) if tls.leaf}
        self._shown = self.tls.value.leaf or self._shown
        if self._shown:
            leaves.add(self._shown)
        leaves = {leaf for leaf in leaves if leaf.holds(self.now)}
        if not leaves:
            self._dark_until = self.now + self.TERMS.settle
        if self.now <= self._dark_until:
            return
        for leaf in leaves:
            for registration in self.registrations:
                for bundle in registration.since(late):
                    assert not bundle or leaf.signer in bundle, (leaf, bundle)

    def at_rest(self) -> bool:
        """Tell whether one authority is left, and everybody trusts it alone."""
        held = self.authorities.value
        leaf = self.tls.value.leaf
        bundles = [self.tls.value.beside, *(each.value for each in self.registrations)]
        return bool(
            held.signing
            and leaf
            and leaf.signer == held.signing.id
            and leaf.holds(self.now)
            and all(bundle == held.ids() for bundle in bundles)
        )


class Leader:
    """One who rotates, read by read and write by write."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wish: Wish | None = None
        self._resting = False
        self._going = self._run()

    def work(self, operations: int) -> None:
        for _ in range(operations):
            next(self._going)

    def finish(self) -> None:
        """Work until there is nothing left to do."""
        self._resting = False
        while not self._resting:
            next(self._going)

    def crash(self) -> None:
        self.wish = None
        self._going = self._run()

    def _run(self) -> Iterator[None]:
        world = self._world
        while True:
            registrations = [(each, each.version, each.value) for each in world.registrations]
            yield
            tls, tls_version = world.tls.value, world.tls.version
            yield
            held, version = world.authorities.value, world.authorities.version
            yield
            bundles = tuple(bundle for _, _, bundle in registrations)
            found = tls.beside.union(*bundles) - held.ids()
            seen = Observed(
                signing=held.signing,
                coming=held.coming,
                former=held.former,
                found=tuple(world.made[name] for name in sorted(found)),
                leaf=tls.leaf,
                beside=tls.beside,
                registered=bundles,
                published_at=held.published_at,
                replaced_at=held.replaced_at,
            )
            now = world.now
            step = plan(seen, now, world.TERMS, wish=self.wish).step
            self._resting = step is None
            if (step, self.wish) in {
                (Step.ISSUE, Wish.LEAF),
                (Step.CREATE, Wish.CA),
            } or step is None:
                self.wish = None
            yield
            if step is Step.REGISTER:
                for each, each_version, bundle in registrations:
                    if bundle != held.ids() and each.version == each_version:
                        each.put(held.ids(), world.now)
                        yield
            elif step in (Step.ISSUE, Step.BUNDLE):
                leaf = self._leaf(held, now) if step is Step.ISSUE else tls.leaf
                if world.tls.version == tls_version:
                    world.tls.put(Tls(leaf, held.ids()), world.now)
            elif step is not None and world.authorities.version == version:
                world.authorities.put(self._changed(step, seen, held, now), world.now)
            yield

    def _leaf(self, held: Authorities, now: datetime) -> Leaf:
        assert held.signing
        end = min(now + self._world.TERMS.leaf_lifetime, held.signing.not_after)
        return Leaf(f"{held.signing.id} {now}", now - BACKDATE, end, held.signing.id)

    def _changed(self, step: Step, seen: Observed, held: Authorities, now: datetime) -> Authorities:
        match step:
            case Step.CREATE:
                made = self._world.new(self._world.TERMS.ca_lifetime)
                return replace(held, coming=made, published_at=None)
            case Step.PROMOTE:
                former = (held.signing, *held.former) if held.signing else held.former
                return Authorities(held.coming, None, former)
            case Step.ADOPT:
                return replace(held, former=(*held.former, *seen.found), replaced_at=None)
            case Step.DROP:
                former = remaining(seen, now, self._world.TERMS)
                return replace(
                    held, former=former, replaced_at=held.replaced_at if former else None
                )
            case Step.PUBLISHED:
                return replace(held, published_at=now)
            case Step.UNPUBLISH:
                return replace(held, published_at=None)
            case Step.REPLACED:
                return replace(held, replaced_at=now)
            case Step.UNREPLACE:
                return replace(held, replaced_at=None)
            case _:
                raise AssertionError(step)
