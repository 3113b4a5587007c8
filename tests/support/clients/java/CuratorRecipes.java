// Drives Curator's framework and recipes against the server at args[0], a section per case: a line
// "## NAME", then what was seen, without what differs between runs (times, zxids, session ids).

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

public final class CuratorRecipes {
  private static final int WAIT = 20;
  private static String hosts;
  private static CuratorFramework one;
  private static CuratorFramework two;

  interface Case {
    void run() throws Exception;
  }

  private static CuratorFramework dial() {
    CuratorFramework client =
        CuratorFrameworkFactory.newClient(hosts, 10_000, 10_000, new RetryOneTime(100));
    client.start();
    return client;
  }

  private static void show(Object... words) {
    List<String> texts = new ArrayList<>();
    for (Object word : words) texts.add(word instanceof byte[] bytes ? text(bytes) : "" + word);
    System.out.println(String.join(" ", texts));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static String facts(Stat stat) {
    if (stat == null) return "no stat";
    return String.format(
        "version %d cversion %d aversion %d length %d children %d owned %b",
        stat.getVersion(), stat.getCversion(), stat.getAversion(), stat.getDataLength(),
        stat.getNumChildren(), stat.getEphemeralOwner() != 0);
  }

  private static String refused(Case attempt) throws Exception {
    try {
      attempt.run();
      return "accepted";
    } catch (KeeperException error) {
      return error.code().name();
    }
  }

  private static void await(CountDownLatch latch) throws Exception {
    if (!latch.await(WAIT, TimeUnit.SECONDS)) throw new Exception("nothing happened in time");
  }

  private static Thread start(Case work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (Exception error) {
        show("FAILED", error);
      }
    });
    thread.start();
    return thread;
  }

  private static void operations() throws Exception {
    show(one.create().creatingParentsIfNeeded().forPath("/op/a/b", bytes("one")));
    Stat stat = new Stat();
    show(one.getData().storingStatIn(stat).forPath("/op/a/b"), facts(stat));
    show(facts(one.setData().withVersion(0).forPath("/op/a/b", bytes("two"))));
    show(refused(() -> one.setData().withVersion(0).forPath("/op/a/b", bytes("x"))));
    show(refused(() -> one.create().forPath("/op")));
    show(one.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/op/s-"));
    show(one.create().withTtl(100_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/op/t"));
    show(one.create().withMode(CreateMode.CONTAINER).forPath("/op/box"));
    show(new TreeSet<>(one.getChildren().storingStatIn(stat).forPath("/op")), facts(stat));
    one.delete().deletingChildrenIfNeeded().forPath("/op");
    show(facts(one.checkExists().forPath("/op")));
    String path = one.create().creatingParentContainersIfNeeded().withProtection()
        .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/protected/p-");
    show(path.startsWith("/protected/_c_"), path.endsWith("-0000000000"));
  }

  private static void transactions() throws Exception {
    one.create().forPath("/tx", bytes("0"));
    Collection<CuratorTransactionResult> results = one.transaction().forOperations(
        one.transactionOp().check().withVersion(0).forPath("/tx"),
        one.transactionOp().create().forPath("/tx/a"),
        one.transactionOp().setData().forPath("/tx", bytes("1")),
        one.transactionOp().delete().forPath("/tx/a"));
    for (CuratorTransactionResult result : results) {
      show(result.getType(), result.getForPath(), result.getError(), facts(result.getResultStat()));
    }
    show(refused(() -> one.transaction().forOperations(
        one.transactionOp().create().forPath("/tx/b"),
        one.transactionOp().check().withVersion(9).forPath("/tx"))));
    show(facts(one.checkExists().forPath("/tx/b")));
  }

  private static void locks() throws Exception {
    InterProcessMutex first = new InterProcessMutex(one, "/mutex");
    InterProcessMutex second = new InterProcessMutex(two, "/mutex");
    show(first.acquire(WAIT, TimeUnit.SECONDS), first.acquire(WAIT, TimeUnit.SECONDS));
    show(second.acquire(100, TimeUnit.MILLISECONDS), first.getParticipantNodes().size());
    first.release();
    first.release();
    show(second.acquire(WAIT, TimeUnit.SECONDS));
    second.release();
    InterProcessReadWriteLock readers = new InterProcessReadWriteLock(one, "/rw");
    InterProcessReadWriteLock writers = new InterProcessReadWriteLock(two, "/rw");
    show(readers.readLock().acquire(WAIT, TimeUnit.SECONDS));
    show(writers.readLock().acquire(WAIT, TimeUnit.SECONDS));
    writers.readLock().release();
    show(writers.writeLock().acquire(100, TimeUnit.MILLISECONDS));
    readers.readLock().release();
    show(writers.writeLock().acquire(WAIT, TimeUnit.SECONDS));
    show(readers.readLock().acquire(100, TimeUnit.MILLISECONDS));
    writers.writeLock().release();
  }

  private static void semaphores() throws Exception {
    InterProcessSemaphoreV2 first = new InterProcessSemaphoreV2(one, "/sem", 2);
    InterProcessSemaphoreV2 second = new InterProcessSemaphoreV2(two, "/sem", 2);
    Lease a = first.acquire(WAIT, TimeUnit.SECONDS);
    Lease b = second.acquire(WAIT, TimeUnit.SECONDS);
    show(a != null, b != null, first.acquire(100, TimeUnit.MILLISECONDS) == null);
    first.returnLease(a);
    Lease c = second.acquire(WAIT, TimeUnit.SECONDS);
    show(c != null, second.getParticipantNodes().size());
    second.returnLease(b);
    second.returnLease(c);
  }

  private static void leaders() throws Exception {
    LeaderLatch first = new LeaderLatch(one, "/latch", "one");
    LeaderLatch second = new LeaderLatch(two, "/latch", "two");
    first.start();
    show(first.await(WAIT, TimeUnit.SECONDS));
    second.start();
    while (first.getParticipants().size() < 2) Thread.onSpinWait();
    show(second.hasLeadership(), first.getLeader().getId(), first.getParticipants().size());
    first.close();
    show(second.await(WAIT, TimeUnit.SECONDS), second.getLeader().getId());
    second.close();
  }

  private static void barriers() throws Exception {
    DistributedBarrier barrier = new DistributedBarrier(one, "/barrier");
    barrier.setBarrier();
    show(barrier.waitOnBarrier(100, TimeUnit.MILLISECONDS));
    Thread waiting = start(
        () -> show(new DistributedBarrier(two, "/barrier").waitOnBarrier(WAIT, TimeUnit.SECONDS)));
    barrier.removeBarrier();
    waiting.join();
    DistributedDoubleBarrier first = new DistributedDoubleBarrier(one, "/double", 2);
    DistributedDoubleBarrier second = new DistributedDoubleBarrier(two, "/double", 2);
    Thread other = start(() -> {
      second.enter(WAIT, TimeUnit.SECONDS);
      second.leave(WAIT, TimeUnit.SECONDS);
    });
    show(first.enter(WAIT, TimeUnit.SECONDS), first.leave(WAIT, TimeUnit.SECONDS));
    other.join();
  }

  private static void counters() throws Exception {
    DistributedAtomicLong counter = new DistributedAtomicLong(one, "/long", new RetryOneTime(10));
    for (int i = 0; i < 10; i++) counter.increment();
    AtomicValue<Long> value = counter.add(32L);
    show(value.succeeded(), value.preValue(), value.postValue());
    SharedCount mine = new SharedCount(one, "/count", 5);
    SharedCount theirs = new SharedCount(two, "/count", 0);
    mine.start();
    theirs.start();
    mine.setCount(6);
    while (theirs.getCount() != 6) Thread.onSpinWait();
    show(theirs.getCount(), theirs.trySetCount(theirs.getVersionedValue(), 7));
    mine.close();
    theirs.close();
  }

  private static void caches() throws Exception {
    two.create().creatingParentsIfNeeded().forPath("/cache/a", bytes("1"));
    CountDownLatch ready = new CountDownLatch(1);
    CountDownLatch deleted = new CountDownLatch(1);
    ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
    try (CuratorCache cache = CuratorCache.build(one, "/cache")) {
      cache.listenable().addListener((type, before, after) -> {
        String path = after == null ? before.getPath() : after.getPath();
        seen.add(type + " " + path + " " + (after == null ? "" : text(after.getData())));
        if (type.name().equals("NODE_DELETED")) deleted.countDown();
      });
      cache.listenable().addListener(
          org.apache.curator.framework.recipes.cache.CuratorCacheListener.builder()
              .forInitialized(ready::countDown).build());
      cache.start();
      await(ready);
      two.setData().forPath("/cache/a", bytes("2"));
      while (!cache.get("/cache/a").map(node -> text(node.getData()).equals("2")).orElse(false)) {
        Thread.onSpinWait();
      }
      two.delete().forPath("/cache/a");
      await(deleted);
      List<String> events = new ArrayList<>(seen);
      events.removeIf(event -> event.contains("/cache "));
      show(events, cache.size());
    }
  }

  private static void watches() throws Exception {
    ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
    CountDownLatch all = new CountDownLatch(4);
    one.create().forPath("/watched");
    one.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(
        (org.apache.zookeeper.Watcher) event -> {
          seen.add(event.getType() + " " + event.getPath());
          all.countDown();
        }).forPath("/watched");
    two.create().forPath("/watched/a");
    two.setData().forPath("/watched/a", bytes("x"));
    two.delete().forPath("/watched/a");
    two.setData().forPath("/watched", bytes("y"));
    await(all);
    show(seen);
    one.watchers().removeAll().forPath("/watched");
    show(refused(() -> one.watchers().removeAll().forPath("/watched")));
  }

  private static void nodes() throws Exception {
    PersistentNode node =
        new PersistentNode(one, CreateMode.EPHEMERAL, false, "/pnode", bytes("kept"));
    node.start();
    show(node.waitForInitialCreate(WAIT, TimeUnit.SECONDS));
    two.delete().forPath("/pnode");
    while (two.checkExists().forPath("/pnode") == null) Thread.onSpinWait();
    show(two.getData().forPath("/pnode"));
    node.close();
    GroupMember ann = new GroupMember(one, "/group", "ann", bytes("A"));
    GroupMember bob = new GroupMember(two, "/group", "bob", bytes("B"));
    ann.start();
    bob.start();
    while (ann.getCurrentMembers().size() < 2) Thread.onSpinWait();
    show(new TreeSet<>(ann.getCurrentMembers().keySet()));
    ann.close();
    bob.close();
  }

  private static void queues() throws Exception {
    SimpleDistributedQueue queue = new SimpleDistributedQueue(one, "/queue");
    for (String item : List.of("a", "b", "c")) queue.offer(bytes(item));
    show(queue.peek(), queue.poll(), queue.take(), queue.remove(), queue.poll() == null);
  }

  private static void sessions() throws Exception {
    CuratorFramework gone = dial();
    CountDownLatch deleted = new CountDownLatch(1);
    gone.create().withMode(CreateMode.EPHEMERAL).forPath("/fleeting");
    show(facts(one.checkExists().usingWatcher(
        (org.apache.zookeeper.Watcher) event -> deleted.countDown()).forPath("/fleeting")));
    gone.close();
    await(deleted);
    show(facts(one.checkExists().forPath("/fleeting")));
  }

  public static void main(String[] args) throws Exception {
    hosts = args[0];
    one = dial();
    two = dial();
    Map<String, Case> cases = new LinkedHashMap<>();
    cases.put("operations", CuratorRecipes::operations);
    cases.put("transactions", CuratorRecipes::transactions);
    cases.put("locks", CuratorRecipes::locks);
    cases.put("semaphores", CuratorRecipes::semaphores);
    cases.put("leaders", CuratorRecipes::leaders);
    cases.put("barriers", CuratorRecipes::barriers);
    cases.put("counters", CuratorRecipes::counters);
    cases.put("caches", CuratorRecipes::caches);
    cases.put("watches", CuratorRecipes::watches);
    cases.put("nodes", CuratorRecipes::nodes);
    cases.put("queues", CuratorRecipes::queues);
    cases.put("sessions", CuratorRecipes::sessions);
    for (Map.Entry<String, Case> one : cases.entrySet()) {
      show("##", one.getKey());
      try {
        one.getValue().run();
      } catch (Exception error) {
        show("FAILED", error);
        error.printStackTrace();
      }
    }
    show("## end");
    one.close();
    two.close();
  }
}
