// Drives npm's zookeeper, the binding of the C client (installed under argv[3]), against the server
// at argv[2], a section per case: a line "## NAME", then what was seen, without what differs between
// runs. Its plain interface gives a return code, then the answer.

const { createRequire } = require("node:module");
const { join } = require("node:path");
const [hosts, dir] = process.argv.slice(2);
const ZooKeeper = createRequire(join(dir, "package.json"))("zookeeper");

const WAIT_MS = 20_000;
const show = (...words) => console.log(...words.map((word) => String(word)));

function soon(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing happened in time")), WAIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Calls a method whose last argument is a callback; gives what the callback got. */
const ask = (zk, name, ...words) =>
  soon(
    new Promise((resolve, reject) => {
      const code = zk[name](...words, (...got) => resolve(got));
      if (typeof code === "number" && code !== 0) reject(new Error(`${name} gave ${code}`));
    }),
  );

async function dial() {
  const options = {
    connect: hosts,
    timeout: 10_000,
    debug_level: 0,
    host_order_deterministic: true,
  };
  const zk = new ZooKeeper(options);
  const connected = new Promise((resolve) => zk.once("connect", resolve));
  zk.init(options);
  await soon(connected);
  return zk;
}

function facts(stat) {
  if (!stat) return "no stat";
  const { version, cversion, aversion, dataLength, numChildren } = stat;
  return JSON.stringify({ version, cversion, aversion, dataLength, numChildren });
}

/** A watch callback and the promise of its event. */
function watcher() {
  let fire;
  const fired = new Promise((resolve) => {
    fire = (type, state, path) => resolve(`${type} ${state} ${path}`);
  });
  return [(...event) => fire(...event), () => soon(fired)];
}

const E = ZooKeeper.ZOO_EPHEMERAL;
const S = ZooKeeper.ZOO_SEQUENCE;

const cases = {
  async operations(zk) {
    show(await ask(zk, "a_create", "/nn", "one", 0));
    show(await ask(zk, "a_create", "/nn", "one", 0));
    show(await ask(zk, "a_create", "/none/child", "", 0));
    const [code, message, stat, data] = await ask(zk, "a_get", "/nn", false);
    show(code, message, facts(stat), data);
    const [set, , changed] = await ask(zk, "a_set", "/nn", "twotwo", 0);
    show(set, facts(changed));
    show((await ask(zk, "a_set", "/nn", "x", 0)).slice(0, 2));
    for (let i = 0; i < 3; i++) show(await ask(zk, "a_create", "/nn/s-", "", S));
    show(await ask(zk, "a_create", "/nn/mine", "m", E));
    show(await ask(zk, "a_create", "/nn/mine-", "m", E | S));
    show(await ask(zk, "a_create", "/nn/mine/child", "m", 0));
    const [, , names] = await ask(zk, "a_get_children", "/nn", false);
    show(names.sort());
    const [, , again, parent] = await ask(zk, "a_get_children2", "/nn", false);
    show(again.sort(), facts(parent));
    show((await ask(zk, "a_exists", "/nn/none", false)).slice(0, 2));
    show(await ask(zk, "a_delete_", "/nn", -1));
    show(await ask(zk, "a_delete_", "/nn/mine", 3));
    show(await ask(zk, "a_delete_", "/nn/mine", 0));
    show(await ask(zk, "a_sync", "/nn"));
  },
  async kinds(zk) {
    show(await ask(zk, "a_create", "/nbox", "box", ZooKeeper.ZOO_CONTAINER));
    const [code, , stat, data] = await ask(zk, "a_get", "/nbox", false);
    show(code, facts(stat), data);
  },
  async access(zk) {
    const other = await dial();
    show(await ask(other, "add_auth", "digest", "ann:secret"));
    show(await ask(other, "a_create", "/nnacl", "mine", 0));
    const mine = [{ perms: ZooKeeper.ZOO_PERM_ALL, scheme: "auth", auth: "" }];
    show(await ask(other, "a_set_acl", "/nnacl", 0, mine));
    show((await ask(zk, "a_get", "/nnacl", false)).slice(0, 2));
    const [code, , acl, stat] = await ask(other, "a_get_acl", "/nnacl");
    show(code, JSON.stringify(acl), facts(stat));
    show((await ask(zk, "a_set", "/nnacl", "x", -1)).slice(0, 2));
    show(await ask(other, "a_set_acl", "/nnacl", 7, mine));
    other.close();
  },
  async watches(zk) {
    const other = await dial();
    await ask(zk, "a_create", "/nnw", "", 0);
    const [onData, data] = watcher();
    const [onChildren, children] = watcher();
    const [onUnborn, unborn] = watcher();
    await ask(zk, "aw_get", "/nnw", onData);
    await ask(zk, "aw_get_children", "/nnw", onChildren);
    await ask(zk, "aw_exists", "/nnw/new", onUnborn);
    await ask(other, "a_set", "/nnw", "x", -1);
    await ask(other, "a_create", "/nnw/new", "", 0);
    show(await data(), await children(), await unborn());
    const [onGone, gone] = watcher();
    await ask(zk, "aw_exists", "/nnw/new", onGone);
    await ask(other, "a_delete_", "/nnw/new", -1);
    show(await gone());
    other.close();
  },
  async sessions(zk) {
    const other = await dial();
    await ask(other, "a_create", "/nnses", "", E);
    const [onGone, gone] = watcher();
    await ask(zk, "aw_exists", "/nnses", onGone);
    other.close();
    show(await gone());
    show(zk.state, zk.is_unrecoverable);
  },
  async burst(zk) {
    await ask(zk, "a_create", "/nnb", "", 0);
    const names = Array.from({ length: 300 }, (_, at) => `/nnb/${at}`);
    const made = await Promise.all(names.map((name) => ask(zk, "a_create", name, name, 0)));
    const read = await Promise.all(names.map((name) => ask(zk, "a_get", name, false)));
    show(made.filter(([code]) => code === 0).length);
    show(read.every(([code, , , data], at) => code === 0 && String(data) === names[at]));
  },
  async configuration(zk) {
    const [code, , stat, data] = await ask(zk, "a_getconfig", false);
    show(code, facts(stat), data);
  },
};

async function main() {
  const zk = await dial();
  for (const [name, run] of Object.entries(cases)) {
    show("##", name);
    await run(zk).catch((error) => show("FAILED", error.stack));
  }
  show("## end");
  zk.close();
}

main();
