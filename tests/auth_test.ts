// Schemes, access lists and permissions (client.md 5).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import { isDistinguishedName } from "../lib/auth/distinguished_name.ts";
import {
  authenticate,
  type AuthOptions,
  checkAuthOptions,
  DEFAULT_AUTH,
  digestIdOf,
  fixup,
  ipIdOf,
  isEnough,
  isValidId,
  maskDigest,
  permits,
  saslIds,
  userNameOf,
  x509Ids,
} from "../lib/auth/mod.ts";
import type { ACL, Id } from "../lib/records/data.ts";
import { isBrisk } from "./support/brisk.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const id = (scheme: string, text: string): Id => ({ scheme, id: text });
const acl = (perms: number, scheme: string | null, text: string | null): ACL => ({
  perms,
  id: { scheme, id: text },
});
const ALL: AuthOptions = {
  ...DEFAULT_AUTH,
  saslEnabled: true,
  x509Enabled: true,
  ensembleEnabled: true,
};
/** Bytes that may stand for `auth` in one list. */
const ROOM = 1 << 20;

describe("digest ids", () => {
  const rows: [text: string, id: string][] = [
    ["u:p", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="],
    ["super:pw", "super:0bX78nEegDzJM3ju0iLBEJdWzjg="],
    ["user:pass:word", "user:yNMcEO4y6Bgll487yEAxpvnMYoo="],
    ["abc", "abc:qZk+NkcGgWq6PiVxeFDCbJzQ2J0="],
    ["", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
  ];
  for (const [text, expected] of rows) {
    test(`"${text}" gives ${expected}`, () => {
      assert.equal(digestIdOf(text), expected);
      const { ok, ids } = authenticate("digest", bytes(text), [id("ip", "1.2.3.4")], DEFAULT_AUTH);
      assert.equal(ok, true);
      assert.deepEqual(ids, [id("ip", "1.2.3.4"), id("digest", expected)]);
    });
  }

  test("a hash by its Java name is found, and an unknown one is a fault of configuration", () => {
    assert.equal(digestIdOf("abc", "MD5"), "abc:kAFQmDzST7DWlj99KOF/cg==");
    assert.equal(
      digestIdOf("abc", "SHA-256"),
      "abc:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    );
    assert.throws(
      () => checkAuthOptions({ ...DEFAULT_AUTH, digestAlg: "ROT13" }),
      (e) => isFault(e, "CONFIG") && /ROT13/.test(e.message),
    );
  });

  test("malformed UTF-8 is hashed as its replacement", () => {
    const { ids } = authenticate("digest", new Uint8Array([0x75, 0x3a, 0xc0]), [], DEFAULT_AUTH);
    assert.deepEqual(ids, [id("digest", digestIdOf("u:\ufffd"))]);
  });

  test("the super digest adds super before the digest id, and only the whole text counts", () => {
    const options = { ...DEFAULT_AUTH, superDigest: digestIdOf("super:pw") };
    assert.deepEqual(authenticate("digest", bytes("super:pw"), [], options).ids, [
      id("super", ""),
      id("digest", digestIdOf("super:pw")),
    ]);
    assert.deepEqual(authenticate("digest", bytes("super:no"), [], options).ids, [
      id("digest", digestIdOf("super:no")),
    ]);
  });

  test("authenticating twice adds nothing", () => {
    const once = authenticate("digest", bytes("u:p"), [], DEFAULT_AUTH).ids;
    assert.deepEqual(authenticate("digest", bytes("u:p"), once, DEFAULT_AUTH).ids, once);
  });
});

describe("the auth op", () => {
  const rows: [scheme: string | null, auth: string | null, options: AuthOptions, ok: boolean][] = [
    ["digest", null, ALL, false],
    ["digest", "u:p", { ...ALL, digestEnabled: false }, false],
    ["ip", "anything", ALL, true],
    ["sasl", "u", ALL, false],
    ["x509", "", ALL, false],
    ["world", "anyone", ALL, false],
    ["super", "", ALL, false],
    ["auth", "", ALL, false],
    ["nobody", "", ALL, false],
    [null, "", ALL, false],
    ["ensemble", "one", DEFAULT_AUTH, false],
    ["ensemble", "one", ALL, true],
    ["ensemble", "one", { ...ALL, ensembleAuthNames: ["one", "two"] }, true],
    ["ensemble", "six", { ...ALL, ensembleAuthNames: ["one", "two"] }, false],
    ["ensemble", "", { ...ALL, ensembleAuthNames: ["one", "two"] }, true],
  ];
  for (const [scheme, auth, options, ok] of rows) {
    const names = options.ensembleAuthNames?.join() ?? "any";
    const title = `scheme ${scheme} with ${JSON.stringify(auth)} (ensembles ${names})`;
    test(`${title} ${ok ? "passes" : "fails"}`, () => {
      const before = [id("ip", "9.9.9.9")];
      const after = authenticate(scheme, auth === null ? null : bytes(auth), before, options);
      assert.deepEqual(after, { ok, ids: before });
    });
  }

  test("x509 passes again for a connection that has a certificate", () => {
    const current = x509Ids("CN=me", ALL);
    assert.deepEqual(authenticate("x509", null, current, ALL), { ok: true, ids: current });
  });
});

describe("valid ids", () => {
  const rows: [scheme: string | null, text: string | null, valid: boolean][] = [
    ["ip", "10.0.0.1", true],
    ["ip", "10.0.0.0/8", true],
    ["ip", "10.0.0.0/0", true],
    ["ip", "10.0.0.0/33", false],
    ["ip", "10.0.0.0/", false],
    ["ip", "10.0.0.0/8/8", false],
    ["ip", "10.0.0", false],
    ["ip", "10.0.0.256", false],
    ["ip", "10.0.0.a", false],
    ["ip", "10..0.1", false],
    ["ip", "00000000010.0.0.1", true],
    ["ip", "10.0.0.1/00000000008", true],
    ["ip", "localhost", false],
    ["ip", "::1", true],
    ["ip", "::", true],
    ["ip", "fe80::/10", true],
    ["ip", "2001:db8::1/128", true],
    ["ip", "2001:db8::1/129", false],
    ["ip", "1:2:3:4:5:6:7:8", true],
    ["ip", "1:2:3:4:5:6:7", false],
    ["ip", "1:2:3:4:5:6:7::8", false],
    ["ip", "1::2::3", false],
    ["ip", "12345::", false],
    ["ip", "::g", false],
    ["ip", "::1.2.3.4", false],
    ["ip", "fe80::1%eth0", false],
    ["ip", ":::1", false],
    ["digest", "u:hash", true],
    ["digest", "u:hash:", true],
    ["digest", ":hash", true],
    ["digest", "u", false],
    ["digest", "u:", false],
    ["digest", "u:a:b", false],
    ["digest", "", false],
    ["sasl", "user", true],
    ["sasl", "zk/host@REALM", true],
    ["sasl", "zk@REALM", true],
    ["sasl", "a/b/c@REALM", false],
    ["sasl", "a@b@c", false],
    ["x509", "CN=me,O=us", true],
    ["x509", "me", false],
    ["ensemble", "one", false],
    ["world", "anyone", false],
    ["super", "", false],
    ["auth", "", false],
    ["nobody", "x", false],
    ["ip", null, false],
    [null, "x", false],
  ];
  for (const [scheme, text, valid] of rows) {
    test(`${scheme}:${text} is ${valid ? "valid" : "not valid"}`, () => {
      assert.equal(isValidId(scheme, text, ALL), valid);
    });
  }

  test("a scheme that is not registered has no valid ids", () => {
    assert.equal(isValidId("sasl", "user", DEFAULT_AUTH), false);
    assert.equal(isValidId("x509", "CN=me", DEFAULT_AUTH), false);
    assert.equal(isValidId("digest", "u:h", { ...DEFAULT_AUTH, digestEnabled: false }), false);
  });
});

describe("distinguished names", () => {
  const good = [
    "CN=Steve Kille,O=Isode Limited,C=GB",
    "OU=Sales+CN=J. Smith,O=Widget Inc.,C=US",
    'CN=L. Eagle,O="Sue, Grabbit and Runn",C=GB',
    "CN=L. Eagle,O=Sue\\, Grabbit and Runn,C=GB",
    "CN=Before\\0DAfter,O=Test,C=GB",
    "1.3.6.1.4.1.1466.0=#04024869,O=Test,C=GB",
    "OID.2.5.4.3=me",
    "cn=lower; o=semicolons",
    "CN=",
    "",
  ];
  const bad = ["me", "=me", "XX=me", "CN=a,", "CN=a,b", 'CN="open', "CN=a\\q", "1.2=#0", "CN=a<b"];
  for (const name of good) {
    test(`"${name}" is one`, () => assert.equal(isDistinguishedName(name), true));
  }
  for (const name of bad) {
    test(`"${name}" is none`, () => assert.equal(isDistinguishedName(name), false));
  }
});

describe("permissions", () => {
  const caller = [id("ip", "10.1.2.3"), id("digest", "u:h"), id("sasl", "bob"), id("x509", "CN=b")];
  const rows: [title: string, acl: ACL[] | null, needed: number, ids: Id[], may: boolean][] = [
    ["no list is open", null, 31, [], true],
    ["an empty list is open", [], 31, [], true],
    ["world may what its bits say", [acl(1, "world", "anyone")], 1, [], true],
    ["world may not what they do not", [acl(1, "world", "anyone")], 2, [], false],
    ["either of two needed bits suffices", [acl(16, "world", "anyone")], 17, [], true],
    ["another id of world is nobody", [acl(31, "world", "someone")], 1, caller, false],
    ["an equal digest id", [acl(1, "digest", "u:h")], 1, caller, true],
    ["another digest id", [acl(1, "digest", "u:x")], 1, caller, false],
    ["the same text in another scheme", [acl(1, "sasl", "u:h")], 1, caller, false],
    ["an address in the range", [acl(1, "ip", "10.1.0.0/16")], 1, caller, true],
    ["an address outside the range", [acl(1, "ip", "10.2.0.0/15")], 1, caller, false],
    ["bits that end inside a byte", [acl(1, "ip", "10.1.2.2/31")], 1, caller, true],
    ["bits that end inside a byte, outside", [acl(1, "ip", "10.1.2.4/31")], 1, caller, false],
    ["no bits at all", [acl(1, "ip", "99.9.9.9/0")], 1, caller, true],
    ["IPv4 is not in an IPv6 range", [acl(1, "ip", "::/0")], 1, caller, false],
    ["an IPv6 address", [acl(1, "ip", "fe80::/10")], 1, [id("ip", "fe80:0:0:0:0:0:0:1")], true],
    ["a zone never matches", [acl(1, "ip", "::/0")], 1, [id("ip", "fe80:0:0:0:0:0:0:1%2")], false],
    ["a listed range without sense", [acl(31, "ip", "nowhere")], 1, caller, false],
    ["sasl by equal name", [acl(4, "sasl", "bob")], 4, caller, true],
    ["x509 by equal name", [acl(4, "x509", "CN=b")], 4, caller, true],
    ["x509 names are compared as text", [acl(4, "x509", "cn=b")], 4, caller, false],
    ["a later entry counts", [acl(1, "ip", "1.1.1.1"), acl(1, "digest", "u:h")], 1, caller, true],
    ["super passes always", [acl(0, "world", "anyone")], 31, [id("super", "")], true],
    ["a scheme of null", [acl(31, null, null)], 1, caller, false],
  ];
  for (const [title, list, needed, ids, may] of rows) {
    test(title, () => assert.equal(permits(list, needed, ids, ALL), may));
    if (list === null || list.length === 0) continue;
    test(`${title}, in a long list`, () => {
      const others = Array.from({ length: 50 }, (_, i) => acl(31, "digest", `other:${i}`));
      assert.equal(permits([...others, ...list, ...others], needed, ids, ALL), may);
      assert.equal(permits([...list, ...list.map(() => others).flat()], needed, ids, ALL), may);
    });
  }

  test("of a long list are those of whoever asks now", () => {
    const list = Array.from({ length: 50 }, (_, i) => acl(1, "digest", `u:${i}`));
    for (const [user, may] of [["u:7", true], ["u:50", false], ["u:49", true]] as const) {
      for (const ids of [[id("digest", user)], [id("ip", "1.2.3.4"), id("digest", user)]]) {
        assert.equal(permits(list, 1, ids, ALL), may);
        assert.equal(permits(list, 1, ids, { ...ALL, digestEnabled: false }), false);
      }
    }
  });

  test("of a long list are found without looking through it again, whoever asks", () => {
    let looks = 0;
    const list = Array.from({ length: 1000 }, (_, i) => ({
      get perms() {
        looks += 1;
        return 1;
      },
      id: id(i % 2 === 0 ? "ip" : "digest", i % 2 === 0 ? `10.0.${i >> 8}.${i & 255}` : `u:${i}`),
    }));
    for (let i = 0; i < 100; i++) {
      const ids = [id("ip", `10.0.0.${2 * i}`), id("digest", `v:${i}`)];
      assert.equal(permits(list, 1, ids, ALL), true);
      assert.equal(permits(list, 1, ids.slice(1), ALL), false);
    }
    assert.equal(looks, list.length);
  });

  test("by address are the same in a long list, for any number of bits", () => {
    for (const [address, width] of [["171.205.3.97", 32], ["ab:cd:8000::7f", 128]] as const) {
      const callers = [
        address,
        address.replace("97", "98"),
        address.replace("7f", "7e"),
        "10.0.0.1",
      ];
      for (let bits = 0; bits <= width; bits++) {
        const entry = acl(1, "ip", `${address}/${bits}`);
        const list = [...Array.from({ length: 40 }, () => acl(1, "ip", "0.0.0.0/32")), entry];
        for (const caller of [...callers, "171.205.131.97", "ab:cd:8000:8000::7f", "1b:cd::"]) {
          const ids = [id("ip", caller)];
          assert.equal(permits(list, 1, ids, ALL), permits([entry], 1, ids, ALL), caller);
        }
      }
    }
  });

  test("skipACL lets everything pass", () => {
    assert.equal(permits([acl(0, "world", "anyone")], 1, [], { ...ALL, skipACL: true }), true);
  });

  test("ids of a scheme that is not registered count for nothing", () => {
    assert.equal(permits([acl(31, "sasl", "bob")], 1, caller, DEFAULT_AUTH), false);
  });

  test("the caller `super` of sasl matches every sasl entry, letAnySaslUserDoX every caller", () => {
    const any = { ...ALL, letAnySaslUserDoX: "everyone" };
    for (const length of [1, 100]) {
      const list = (name: string) => Array.from({ length }, () => acl(1, "sasl", name));
      assert.equal(permits(list("bob"), 1, [id("sasl", "super")], ALL), true);
      assert.equal(permits(list("everyone"), 1, caller, any), true);
      assert.equal(permits(list("alice"), 1, caller, any), false);
    }
  });

  test("the x509 super user matches every x509 entry and is super after its handshake", () => {
    const options = { ...ALL, x509SuperUser: "CN=root" };
    assert.equal(permits([acl(1, "x509", "CN=x")], 1, [id("x509", "CN=root")], options), true);
    assert.deepEqual(x509Ids("CN=root", options), [id("super", "CN=root"), id("x509", "CN=root")]);
    assert.deepEqual(x509Ids("CN=b", options), [id("x509", "CN=b")]);
  });

  test("a sasl super user is super after the exchange", () => {
    const options = { ...ALL, saslSuperUsers: ["zk", "admin"] };
    assert.deepEqual(saslIds("admin", options), [id("sasl", "admin"), id("super", "")]);
    assert.deepEqual(saslIds("bob", options), [id("sasl", "bob")]);
  });
});

describe("lists made good", () => {
  const caller = [id("ip", "1.2.3.4"), id("digest", "u:h"), id("super", ""), id("sasl", "bob")];
  const rows: [title: string, acl: ACL[] | null, fixed: ACL[] | null][] = [
    ["null is refused", null, null],
    ["empty is refused", [], null],
    ["world stays, with bits nobody knows", [acl(64, "world", "anyone")], [
      acl(64, "world", "anyone"),
    ]],
    ["no permission at all stays", [acl(0, "world", "anyone")], [acl(0, "world", "anyone")]],
    ["another world is refused", [acl(1, "world", "me")], null],
    ["world of null is refused", [acl(1, "world", null)], null],
    ["no scheme is refused", [acl(1, null, "x")], null],
    ["an unknown scheme is refused", [acl(1, "x", "x")], null],
    ["super is refused", [acl(1, "super", "")], null],
    ["exact duplicates go, order stays", [
      acl(1, "ip", "1.1.1.1"),
      acl(2, "ip", "1.1.1.1"),
      acl(1, "ip", "1.1.1.1"),
    ], [acl(1, "ip", "1.1.1.1"), acl(2, "ip", "1.1.1.1")]],
    ["auth becomes the authenticated ids", [acl(3, "auth", "ignored")], [
      acl(3, "digest", "u:h"),
      acl(3, "sasl", "bob"),
    ]],
    ["two auth entries leave duplicates", [acl(1, "auth", "a"), acl(1, "auth", "b")], [
      acl(1, "digest", "u:h"),
      acl(1, "sasl", "bob"),
      acl(1, "digest", "u:h"),
      acl(1, "sasl", "bob"),
    ]],
    ["one bad entry spoils the list", [acl(1, "world", "anyone"), acl(1, "ip", "x")], null],
  ];
  for (const [title, list, fixed] of rows) {
    test(title, () => assert.deepEqual(fixup(list, caller, ALL, ROOM), fixed));
  }

  test("auth without an authenticated id is refused", () => {
    assert.equal(fixup([acl(1, "auth", "")], [id("ip", "1.2.3.4")], ALL, ROOM), null);
  });

  test("skipACL does not spare a list from being made good", () => {
    assert.equal(fixup([acl(1, "ip", "x")], [], { ...ALL, skipACL: true }, ROOM), null);
  });

  test("fifty thousand entries take no quadratic time", () => {
    const list = Array.from({ length: 50_000 }, (_, i) => acl(1, "digest", `u${i}:h`));
    isBrisk(2000, () => () => assert.equal(fixup(list, [], ALL, ROOM)?.length, 50_000));
  });

  test("auth many times for a caller of many ids stops at its room, before it takes memory", () => {
    const list = Array.from({ length: 50_000 }, (_, perms) => acl(perms, "auth", ""));
    const caller = Array.from({ length: 1000 }, (_, i) => id("digest", `u${i}:h`));
    isBrisk(2000, () => () => assert.equal(fixup(list, caller, ALL, ROOM), null)); // fifty million
    assert.equal(fixup(list.slice(0, 10), caller, ALL, ROOM)?.length, 10_000);
  });
});

test("digest ids are masked from their first colon, others are not", () => {
  assert.deepEqual(
    maskDigest([acl(1, "digest", "u:abc:d"), acl(2, "ip", "::1"), acl(3, "digest", "plain")]),
    [acl(1, "digest", "u:x"), acl(2, "ip", "::1"), acl(3, "digest", "plain")],
  );
});

test("a user name is what whoAmI may show", () => {
  assert.equal(userNameOf(id("digest", "u:hash"), ALL), "u");
  assert.equal(userNameOf(id("ip", "1.2.3.4"), ALL), "1.2.3.4");
  assert.equal(userNameOf(id("super", ""), ALL), "");
});

describe("required authentication", () => {
  test("one id of a listed scheme is enough", () => {
    const options = { ...ALL, enforcedSchemes: ["sasl", "digest"] };
    assert.equal(isEnough([id("ip", "1.2.3.4")], options), false);
    assert.equal(isEnough([id("ip", "1.2.3.4"), id("digest", "u:h")], options), true);
    assert.equal(isEnough([], ALL), true);
  });

  test("an empty or unknown list of schemes does not start", () => {
    for (const enforcedSchemes of [[], ["kerberos"], ["sasl", "nope"]]) {
      assert.throws(
        () => checkAuthOptions({ ...ALL, enforcedSchemes }),
        (e) => isFault(e, "CONFIG") && /enforce/.test(e.message),
      );
    }
    checkAuthOptions({ ...ALL, enforcedSchemes: ["sasl"] });
  });
});

describe("the address of a connection as text", () => {
  const rows: [remote: string, text: string][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["2001:DB8::00ff:1", "2001:db8:0:0:0:0:ff:1"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
  ];
  for (const [remote, text] of rows) {
    test(`${remote} is ${text}`, () => assert.equal(ipIdOf(remote), text));
  }
});
