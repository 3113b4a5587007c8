"""Every recipe of kazoo, and its plain operations, against the server at argv[1].

Prints a section per case: a line "## NAME", then what was seen. What differs between two runs
against the same server (times, zxids, session ids) is not printed.
"""

import functools
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.watchers import PatientChildrenWatch
from kazoo.security import (
    make_acl,
    make_digest_acl,
    make_digest_acl_credential,
)

HOSTS = sys.argv[1]
WAIT = 20
CASES = []


def case(run):
    CASES.append(run)
    return run


@functools.lru_cache(maxsize=None)
def shared(name):
    client = KazooClient(hosts=HOSTS, timeout=10)
    client.start(timeout=WAIT)
    return client


def fresh(**options):
    client = KazooClient(hosts=HOSTS, timeout=10, **options)
    client.start(timeout=WAIT)
    return client


def show(*words):
    print(*words, flush=True)


def wait(event):
    if not event.wait(WAIT):
        raise AssertionError("nothing happened in time")


def in_threads(*runs):
    threads = [threading.Thread(target=run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        if thread.is_alive():
            raise AssertionError("a thread does not come back")


def refused(run, *arguments, **options):
    try:
        run(*arguments, **options)
    except KazooException as error:
        return type(error).__name__
    return "accepted"


def facts(stat):
    """What a stat says that does not depend on the moment."""
    return dict(
        version=stat.version,
        cversion=stat.cversion,
        aversion=stat.aversion,
        dataLength=stat.dataLength,
        numChildren=stat.numChildren,
        owned=stat.ephemeralOwner != 0,
    )


@case
def operations():
    zk = shared("a")
    show(zk.create("/ops", b"one"))
    show(zk.exists("/none"))
    data, stat = zk.get("/ops")
    show(data, facts(stat))
    show(facts(zk.set("/ops", b"two", version=0)))
    show(refused(zk.set, "/ops", b"x", version=0))
    show(refused(zk.create, "/ops"))
    show(zk.create("/ops/deep/er", b"x", makepath=True))
    show(refused(zk.delete, "/ops"), refused(zk.create, "/none/child"))
    show(sorted(zk.get_children("/ops")))
    children, stat = zk.get_children("/ops", include_data=True)
    show(sorted(children), facts(stat))
    show([zk.create("/ops/s-", sequence=True) for _ in range(3)])
    path, stat = zk.create("/ops/both", b"123", include_data=True)
    show(path, facts(stat))
    show(zk.create("/ops/mine", ephemeral=True), facts(zk.exists("/ops/mine")))
    show(refused(zk.create, "/ops/mine/child"))
    show(zk.ensure_path("/ops/a/b/c"), zk.sync("/ops"))
    zk.delete("/ops", recursive=True)
    show(zk.exists("/ops"))


@case
def names_and_sizes():
    zk = shared("a")
    show(zk.create("/größe/漢字", "daten ☃".encode(), makepath=True))
    show(zk.get("/größe/漢字")[0].decode(), zk.get_children("/größe"))
    show(zk.create("/large", b"x" * 900_000), len(zk.get("/large")[0]))
    show(facts(zk.set("/large", b"")), zk.get("/large")[0])


@case
def transactions():
    zk = shared("a")
    zk.create("/tx", b"0")
    good = zk.transaction()
    good.check("/tx", version=0)
    good.create("/tx/new", b"n")
    good.set_data("/tx", b"1", version=0)
    good.create("/tx/seq-", sequence=True)
    good.delete("/tx/new")
    show([r if isinstance(r, (str, bool)) else facts(r) for r in good.commit()])
    bad = zk.transaction()
    bad.create("/tx/lost")
    bad.check("/tx", version=7)
    bad.delete("/tx")
    show([type(result).__name__ for result in bad.commit()], zk.exists("/tx/lost"))
    with zk.transaction() as block:
        block.create("/tx/block")
    show(sorted(zk.get_children("/tx")))


@case
def access():
    zk = shared("a")
    owner = fresh(auth_data=[("digest", "ann:secret")])
    acl = make_digest_acl("ann", "secret", all=True)
    show(owner.create("/acl", b"mine", acl=[acl]))
    show(refused(zk.get, "/acl"), refused(zk.set, "/acl", b""), refused(zk.get_acls, "/acl"))
    show(owner.get("/acl")[0], [tuple(entry.id) for entry in owner.get_acls("/acl")[0]])
    read = make_acl("world", "anyone", read=True)
    show(facts(owner.set_acls("/acl", [acl, read], version=0)))
    show(refused(owner.set_acls, "/acl", [acl], version=0))
    show(zk.get("/acl")[0], [tuple(entry.id) for entry in zk.get_acls("/acl")[0]])
    show(refused(zk.create, "/acl/child"), refused(zk.set_acls, "/acl", [read]))
    show(refused(zk.create, "/bad", acl=[make_acl("nosuch", "x", read=True)]))
    show(make_digest_acl_credential("ann", "secret"))
    late = fresh()
    show(refused(late.set, "/acl", b"late"))
    show(late.add_auth("digest", "ann:secret"), facts(late.set("/acl", b"late")))
    for client in (owner, late):
        client.stop()


@case
def server_words():
    zk = shared("a")
    version = zk.server_version()
    show(version[:2], len(version) >= 3)
    show(zk.command(b"ruok"), zk.command(b"isro").strip())
    mode = [line for line in zk.command(b"srvr").splitlines() if line.startswith("Mode")]
    show(mode)
    show(zk.client_state, zk.connected)


@case
def locks():
    one, two = shared("a"), shared("b")
    first = one.Lock("/lock", "first")
    second = two.Lock("/lock", "second")
    show(first.acquire(), second.acquire(blocking=False))
    show(first.contenders(), first.is_acquired)
    order = []
    waiting = threading.Thread(target=lambda: (second.acquire(), order.append("second")))
    waiting.start()
    while len(first.contenders()) < 2:
        pass
    show(first.contenders())
    order.append("first goes")
    first.release()
    waiting.join(WAIT)
    show(order, second.is_acquired)
    try:
        first.acquire(timeout=0.2)
    except Exception as error:
        show(type(error).__name__)
    second.release()
    with first:
        show("held", first.is_acquired)
    show(first.contenders(), one.get_children("/lock"))


@case
def read_and_write_locks():
    one, two, three = shared("a"), shared("b"), shared("c")
    readers = [one.ReadLock("/rw", "r1"), two.ReadLock("/rw", "r2")]
    show([lock.acquire(timeout=WAIT) for lock in readers])
    writer = three.WriteLock("/rw", "w")
    show(writer.acquire(blocking=False))
    for lock in readers:
        lock.release()
    show(writer.acquire(timeout=WAIT), readers[0].acquire(blocking=False))
    show(writer.contenders())
    writer.release()
    show(readers[0].acquire(timeout=WAIT))
    readers[0].release()


@case
def semaphores():
    clients = [shared(name) for name in "abc"]
    leases = [client.Semaphore("/sem", str(at), 2) for at, client in enumerate(clients)]
    show([lease.acquire(blocking=False) for lease in leases])
    show(sorted(leases[0].lease_holders()))
    leases[0].release()
    show(leases[2].acquire(timeout=WAIT), sorted(leases[1].lease_holders()))
    for lease in leases[1:]:
        lease.release()
    show(refused(clients[0].Semaphore("/sem", "x", 2).lease_holders))


@case
def elections():
    one, two = shared("a"), shared("b")
    led = []
    ready, stay = threading.Event(), threading.Event()
    first = one.Election("/election", "one")
    second = two.Election("/election", "two")

    def lead():
        led.append("one")
        ready.set()
        wait(stay)

    def follow():
        wait(ready)
        second.run(led.append, "two")

    def end():
        wait(ready)
        while len(first.contenders()) < 2:
            pass
        show(first.contenders())
        stay.set()

    in_threads(lambda: first.run(lead), follow, end)
    show(led, first.contenders())


@case
def barriers():
    one, two = shared("a"), shared("b")
    barrier = one.Barrier("/barrier")
    show(barrier.wait(timeout=WAIT))
    show(barrier.create(), barrier.wait(timeout=0.2))
    passed = []
    in_threads(
        lambda: passed.append(two.Barrier("/barrier").wait(timeout=WAIT)),
        lambda: passed.append(barrier.remove()),
    )
    show(passed, barrier.remove())


@case
def double_barriers():
    clients = [shared(name) for name in "abc"]
    barriers = [
        client.DoubleBarrier("/double", 3, identifier=str(at)) for at, client in enumerate(clients)
    ]
    in_threads(*[barrier.enter for barrier in barriers])
    show([barrier.participating for barrier in barriers])
    show(len(clients[0].get_children("/double")))
    in_threads(*[barrier.leave for barrier in barriers])
    show([barrier.participating for barrier in barriers], clients[0].get_children("/double"))


@case
def queues():
    zk = shared("a")
    queue = zk.Queue("/queue")
    for value, priority in ((b"third", 200), (b"first", 5), (b"second", 100)):
        queue.put(value, priority=priority)
    show(len(queue), [queue.get() for _ in range(4)])


@case
def locking_queues():
    one, two = shared("a"), shared("b")
    giver, taker = one.LockingQueue("/lqueue"), two.LockingQueue("/lqueue")
    giver.put(b"b", priority=50)
    giver.put_all([b"a1", b"a2"], priority=10)
    show(len(giver))
    show(taker.get(WAIT), taker.holds_lock(), giver.get(WAIT))
    show(taker.consume(), taker.get(WAIT))
    show(taker.release(), taker.holds_lock(), giver.consume())
    show(giver.get(WAIT), giver.consume(), len(taker))
    show(taker.get(0.2))


@case
def parties():
    one, two = shared("a"), shared("b")
    first, second = one.Party("/party", "ann"), two.Party("/party", "bob")
    first.join()
    second.join()
    show(sorted(first), len(second))
    first.leave()
    show(sorted(second), len(second))
    shallow = one.ShallowParty("/shallow", "carl")
    shallow.join()
    show(list(shallow))


@case
def partitions():
    clients = [shared(name) for name in "ab"]
    sets = [
        client.SetPartitioner("/partition", set(range(6)), identifier=str(at), time_boundary=0.5)
        for at, client in enumerate(clients)
    ]

    def settle(part):
        # One that comes late finds the other holding everything, which then has to let go.
        while not all(each.acquired for each in sets):
            if part.acquired:
                time.sleep(0.05)
            elif part.release:
                part.release_set()
            elif part.failed:
                raise AssertionError("the partition failed")
            else:
                part.wait_for_acquire(1)

    in_threads(*[functools.partial(settle, part) for part in sets])
    shares = [sorted(part) for part in sets]
    show(sorted(len(share) for share in shares), sorted(sum(shares, [])))
    for part in sets:
        part.finish()
    show([part.state for part in sets])


@case
def children_watches():
    zk, other = shared("a"), shared("b")
    zk.create("/kids")
    seen, three = [], threading.Event()

    @zk.ChildrenWatch("/kids")
    def look(children):
        seen.append(sorted(children))
        if len(children) == 3:
            three.set()
            return False

    show(look is not None, seen)
    for name in "xyz":
        other.create("/kids/" + name)
    wait(three)
    show(seen[0], seen[-1])
    other.create("/kids/later")
    events = PatientChildrenWatch(zk, "/kids", time_boundary=0.2).start()
    children, event = events.get(timeout=WAIT)
    show(sorted(children))
    gone = threading.Event()
    event.rawlink(lambda _: gone.set())
    other.delete("/kids/later")
    wait(gone)
    show(sorted(zk.get_children("/kids")))


@case
def data_watches():
    zk, other = shared("a"), shared("b")
    seen = []
    steps = [threading.Event() for _ in range(4)]

    @zk.DataWatch("/watched")
    def look(data, stat, event):
        seen.append((data, None if stat is None else stat.version, event and event.type))
        steps[len(seen) - 1].set()

    wait(steps[0])
    other.create("/watched", b"1")
    wait(steps[1])
    other.set("/watched", b"2")
    wait(steps[2])
    other.delete("/watched")
    wait(steps[3])
    show(seen)


@case
def raw_watches():
    zk, other = shared("a"), shared("b")
    zk.create("/raw")
    seen = []
    fired = threading.Semaphore(0)

    def note(event):
        seen.append((event.type, event.state, event.path))
        fired.release()

    zk.get("/raw", watch=note)
    zk.get_children("/raw", watch=note)
    zk.exists("/raw/new", watch=note)
    other.create("/raw/new")
    other.set("/raw", b"x")
    for _ in range(3):
        if not fired.acquire(timeout=WAIT):
            raise AssertionError("a watch did not fire")
    show(sorted(seen))
    zk.get("/raw/new", watch=note)
    other.delete("/raw/new")
    if not fired.acquire(timeout=WAIT):
        raise AssertionError("a watch did not fire")
    show(seen[-1], len(seen))


@case
def tree_caches():
    zk, other = shared("a"), shared("b")
    other.create("/cached/one", b"1", makepath=True)
    ready, seen, last = threading.Event(), [], threading.Event()

    def note(event):
        if event.event_type == TreeEvent.INITIALIZED:
            ready.set()
        elif event.event_data is not None:
            seen.append((event.event_type, event.event_data.path, event.event_data.data))
            if event.event_type == TreeEvent.NODE_REMOVED:
                last.set()

    cache = TreeCache(zk, "/cached")
    cache.listen(note)
    cache.start()
    wait(ready)
    show(cache.get_data("/cached/one").data, sorted(cache.get_children("/cached")))
    changed = threading.Event()
    cache.listen(lambda event: changed.set() if event.event_type == TreeEvent.NODE_UPDATED else None)
    other.set("/cached/one", b"2")
    wait(changed)
    show(cache.get_data("/cached/one").data)
    other.delete("/cached/one")
    wait(last)
    show(sorted(seen), cache.get_data("/cached/one"))
    cache.close()


@case
def counters():
    one, two = shared("a"), shared("b")
    first, second = one.Counter("/counter"), two.Counter("/counter", default=0)

    def add(counter):
        for _ in range(20):
            counter += 1

    in_threads(lambda: add(first), lambda: add(second))
    show(first.value, second.value)
    first -= 15
    show(first.value, first.pre_value, first.post_value)
    real = one.Counter("/real", default=0.5)
    real += 1.25
    show(real.value)


@case
def leases():
    from datetime import timedelta

    one, two = shared("a"), shared("b")
    first = one.NonBlockingLease("/lease", timedelta(seconds=60), identifier="one")
    second = two.NonBlockingLease("/lease", timedelta(seconds=60), identifier="two")
    show(bool(first), bool(second))
    multi = [
        client.MultiNonBlockingLease(2, "/mlease", timedelta(seconds=60), identifier=str(at))
        for at, client in enumerate((one, two, shared("c")))
    ]
    show([bool(lease) for lease in multi])


@case
def sessions():
    owner, other = fresh(), shared("a")
    owner.create("/session", ephemeral=True)
    gone = threading.Event()
    other.exists("/session", watch=lambda event: gone.set())
    owner.stop()
    wait(gone)
    show(other.exists("/session"))
    # It does not come back at once to steal its session again from the second.
    first = fresh(connection_retry={"max_tries": -1, "delay": WAIT})
    ident = first.client_id
    first.create("/moved", ephemeral=True)
    second = KazooClient(hosts=HOSTS, timeout=10, client_id=ident)
    second.start(timeout=WAIT)
    show(second.client_id == ident, second.exists("/moved").owner_session_id == ident[0])
    second.stop()
    show(other.exists("/moved"))
    lost, states = threading.Event(), []
    ghost = KazooClient(hosts=HOSTS, timeout=10, client_id=(0x1234, b"\0" * 16))
    ghost.add_listener(lambda state: (states.append(state), lost.set()))
    ghost.start(timeout=WAIT)
    wait(lost)
    show(ghost.client_id[0] != 0x1234, ghost.connected)
    for client in (ghost, first):
        client.stop()


@case
def chroots():
    zk = shared("a")
    zk.create("/root")
    under = KazooClient(hosts=HOSTS + "/root", timeout=10)
    under.start(timeout=WAIT)
    show(under.create("/child", b"c"), zk.get("/root/child")[0])
    show(under.create("/s-", sequence=True), under.get_children("/child"))
    under.stop()


@case
def asynchronous():
    zk = shared("a")
    zk.create("/async")
    made = [zk.create_async("/async/%d" % at) for at in range(200)]
    show(sum(1 for one in made if one.get(timeout=WAIT)))
    results = [zk.get_async("/async/%d" % (at * 2)) for at in range(200)]
    found = 0
    for result in results:
        try:
            result.get(timeout=WAIT)
            found += 1
        except NoNodeError:
            pass
    show(found, len(zk.get_children("/async")))


def main():
    for run in CASES:
        show("##", run.__name__)
        try:
            run()
        except Exception:
            show("FAILED", traceback.format_exc())
    for name in "abc":
        shared(name).stop()
    show("## end")


if __name__ == "__main__":
    main()
