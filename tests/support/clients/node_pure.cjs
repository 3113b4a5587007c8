// Drives npm's node-zookeeper-client (installed under argv[3]) against the server at argv[2], a
// section per case: a line "## NAME", then what was seen, without what differs between runs.

const { createRequire } = require("node:module");
const { promisify } = require("node:util");
const { join } = require("node:path");
const [hosts, dir] = process.argv.slice(2);
const zookeeper = createRequire(join(dir, "package.json"))("node-zookeeper-client");
const { ACL, CreateMode, Exception, Id, Permission } = zookeeper;

const WAIT_MS = 20_000;
const show = (...words) => console.log(...words.map((word) => String(word)));

/** A connected client whose methods give promises. */
async function dial() {
  const client = zookeeper.createClient(hosts, { sessionTimeout: 10_000, retries: 3 });
  const connected = new Promise((resolve) => client.once("connected", resolve));
  client.connect();
  await soon(connected);
  const names = "create remove removeRecursive setData getData setACL getACL exists getChildren " +
    "listSubTreeBFS mkdirp";
  const calls = Object.fromEntries(
    names.split(" ").map((name) => [name, promisify(client[name].bind(client))]),
  );
  return { ...calls, client };
}

function soon(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing happened in time")), WAIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const refused = (promise) =>
  promise.then(() => "accepted", (error) => `${error.name} ${error.getCode?.()}`);

function facts(stat) {
  if (!stat) return "no stat";
  const { version, cversion, aversion, dataLength, numChildren } = stat;
  return JSON.stringify({ version, cversion, aversion, dataLength, numChildren });
}

/** A watcher and the promise of its event. */
function watcher() {
  let fire;
  const fired = new Promise((resolve) => {
    fire = (event) => resolve(`${event.getName()} ${event.getPath()}`);
  });
  return [(event) => fire(event), () => soon(fired)];
}

// getData with a watcher and its second result.
const dataAndStat = (zk, path) =>
  new Promise((resolve, reject) =>
    zk.client.getData(path, (error, data, stat) => error ? reject(error) : resolve([data, stat]))
  );

const cases = {
  async operations(zk) {
    show(await zk.create("/np", Buffer.from("one")));
    show(await refused(zk.create("/np")), await refused(zk.create("/none/child")));
    const [data, stat] = await dataAndStat(zk, "/np");
    show(data, facts(stat));
    show(facts(await zk.setData("/np", Buffer.from("twotwo"), 0)));
    show(await refused(zk.setData("/np", Buffer.from("x"), 0)));
    for (let i = 0; i < 3; i++) {
      show(await zk.create("/np/s-", CreateMode.PERSISTENT_SEQUENTIAL));
    }
    show(await zk.create("/np/mine", Buffer.from("m"), CreateMode.EPHEMERAL));
    show(await zk.create("/np/mine-", CreateMode.EPHEMERAL_SEQUENTIAL));
    show(await refused(zk.create("/np/mine/child")));
    show((await zk.getChildren("/np")).sort());
    show(facts(await zk.exists("/np/mine")), facts(await zk.exists("/np/none")));
    show(await refused(zk.remove("/np")), await refused(zk.remove("/np/mine", 3)));
    show(await zk.remove("/np/mine", 0), await refused(zk.remove("/np/mine")));
  },
  async trees(zk) {
    show(await zk.mkdirp("/nt/a/b/c", Buffer.from("deep")));
    show(await zk.mkdirp("/nt/a/d"));
    // It looks one level deep only, so what it lists and removes here is two levels.
    show((await zk.listSubTreeBFS("/nt/a/b")).sort());
    show(await zk.removeRecursive("/nt/a/b"));
    show((await zk.getChildren("/nt/a")).sort(), await refused(zk.remove("/nt/a")));
    show(facts(await zk.exists("/nt")));
  },
  async transactions(zk) {
    const commit = (transaction) => promisify(transaction.commit.bind(transaction))();
    await zk.create("/ntx", Buffer.from("0"));
    const results = await commit(
      zk.client.transaction().check("/ntx", 0).create("/ntx/a", Buffer.from("a"))
        .setData("/ntx", Buffer.from("1"), 0).remove("/ntx/a"),
    );
    for (const { type, path, stat } of results) show(type, path, facts(stat));
    show(await refused(commit(zk.client.transaction().create("/ntx/b").check("/ntx", 9))));
    show(facts(await zk.exists("/ntx/b")));
  },
  async access(zk) {
    const other = await dial();
    other.client.addAuthInfo("digest", Buffer.from("ann:secret"));
    const mine = [new ACL(Permission.ALL, new Id("auth", ""))];
    show(await other.create("/nacl", Buffer.from("mine"), mine, CreateMode.PERSISTENT));
    show(await refused(zk.getData("/nacl")), await refused(zk.getACL("/nacl")));
    const acls = await other.getACL("/nacl");
    show(JSON.stringify(acls));
    show(facts(await other.setACL("/nacl", [...acls, ...ACL.READ_ACL_UNSAFE], 0)));
    show(await zk.getData("/nacl"), JSON.stringify(await zk.getACL("/nacl")));
    show(await refused(zk.setData("/nacl", Buffer.from("x"))));
    show(await refused(zk.create("/nbad", null, [new ACL(31, new Id("nosuch", "x"))], 0)));
    other.client.close();
  },
  async watches(zk) {
    const other = await dial();
    await zk.create("/nw");
    const [onData, data] = watcher();
    const [onChildren, children] = watcher();
    const [onUnborn, unborn] = watcher();
    await zk.getData("/nw", onData);
    await zk.getChildren("/nw", onChildren);
    await zk.exists("/nw/new", onUnborn);
    await other.setData("/nw", Buffer.from("x"));
    await other.create("/nw/new");
    show(await data(), await children(), await unborn());
    const [onGone, gone] = watcher();
    await zk.exists("/nw/new", onGone);
    await other.remove("/nw/new");
    show(await gone());
    other.client.close();
  },
  async sessions(zk) {
    const other = await dial();
    await other.create("/nses", CreateMode.EPHEMERAL);
    const [onGone, gone] = watcher();
    await zk.exists("/nses", onGone);
    const id = other.client.getSessionId();
    show(id.length, other.client.getSessionPassword().length, other.client.getSessionTimeout());
    show(other.client.getState());
    other.client.close();
    show(await gone());
  },
  async burst(zk) {
    await zk.create("/nburst");
    const names = Array.from({ length: 300 }, (_, at) => `/nburst/${at}`);
    const made = await Promise.all(names.map((name) => zk.create(name, Buffer.from(name))));
    const read = await Promise.all(names.map((name) => zk.getData(name)));
    show(made.length, read.every((data, at) => String(data) === names[at]));
    show(facts(await zk.exists("/nburst")), Exception.NO_NODE);
  },
};

async function main() {
  const zk = await dial();
  for (const [name, run] of Object.entries(cases)) {
    show("##", name);
    await run(zk).catch((error) => show("FAILED", error.stack));
  }
  show("## end");
  zk.client.close();
}

main();
