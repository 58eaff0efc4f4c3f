import { beforeEach, describe, expect, test } from "vitest";
import { checkAnswer, checkPin, dtlsBytes, fingerprintOf, INSECURE, trust } from "../../src/cockpit/identity";
import { blockers, checks, type Facts, ProbeTest, predict } from "../../src/cockpit/preflight";
import type { RobotState } from "../../src/generated/protocol";

const resting: RobotState = { mode: "SAFE_HOLD", reason: "BOOT" };
const ready: Facts = {
  signedIn: true,
  mayDrive: true,
  whyNot: "",
  pageProblem: "",
  keyChecked: true,
  online: true,
  lastSeenS: null,
  live: true,
  state: resting,
  me: "mina",
  ageMs: 40,
  test: null,
  glassMs: 40,
};
const names = (facts: Facts): string[] => blockers(checks(facts)).map((check) => check.name);

describe("before you can start", () => {
  test("nothing is in the way of a ready robot, tested network or not", () => {
    expect(names(ready)).toEqual([]);
  });

  test.each<[string, Partial<Facts>]>([
    ["right", { mayDrive: false }],
    ["robot", { live: false, online: false, lastSeenS: 12 }],
    ["identity", { pageProblem: INSECURE }],
    ["motion", { state: { ...resting, remote_motion: false } }],
    ["stop", { state: { ...resting, mode: "ESTOP", stops: ["mina"] } }],
    ["picture", { ageMs: 900 }],
  ])("%s is", (name, change) => {
    expect(names({ ...ready, ...change })).toEqual([name]);
  });

  test("each has a sentence that says what to do", () => {
    const offline = checks({ ...ready, live: false, online: false, lastSeenS: 12.4 }).find(
      (check) => check.name === "robot",
    );
    expect(offline?.text).toBe("Robot is offline, last seen 12 s ago. Check its power and network.");
  });

  test("a lease that somebody else holds can be asked for", () => {
    const lease = {
      epoch: 1,
      seq: 1,
      kind: "human" as const,
      person: "jonas",
      name: "Jonas",
      fingerprint: "",
      held_s: 3,
    };
    const held = { ...ready, state: { ...resting, lease } };
    expect(names(held)).toEqual([]);
    expect(checks(held).find((check) => check.name === "lease")).toMatchObject({ verdict: "no" });
  });
});

describe("the network test", () => {
  test("knows loss and round trips of what came back", () => {
    const probes = new ProbeTest();
    for (let n = 0; n < 10; n += 1) probes.send(n);
    for (let n = 0; n < 9; n += 1) probes.back(n, 10 + n);
    probes.back(3, 999); // twice
    probes.finish();
    expect(probes.result).toMatchObject({ sent: 10, back: 9, rttP50Ms: 14, rttP95Ms: 18, lostPct: 10, done: true });
  });

  test.each([
    [10, 0, 40, "direct"],
    [120, 0, 60, "scaled"],
    [300, 0, 200, "step"],
    [700, 0, 400, "supervise"],
    [10, 40, 40, "supervise"],
  ])("%i ms and %i %% lost predict %s", (rtt, lostPct, glass, mode) => {
    const test = { sent: 100, back: 90, rttP50Ms: rtt, rttP95Ms: rtt, lostPct, done: true };
    expect(predict(test, glass).mode).toBe(mode);
  });

  test("nothing back means watching only", () => {
    expect(predict({ sent: 100, back: 0, rttP50Ms: null, rttP95Ms: null, lostPct: 100, done: true }, 40).mode).toBe(
      "supervise",
    );
  });
});

describe("whose answer it is", () => {
  const PRINT = "AB:CD";
  const sdp = `v=0\r\na=fingerprint:sha-256 ab:cd\r\nm=video\r\na=fingerprint:sha-256 AB:CD\r\n`;
  const base64 = (raw: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(raw)));

  async function signed(session: string): Promise<{ key: string; claim: Parameters<typeof checkAnswer>[0] }> {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
    const key = base64(await crypto.subtle.exportKey("raw", pair.publicKey));
    const signature = base64(
      await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, dtlsBytes("s1", PRINT, "OWN")),
    );
    return { key, claim: { session, sdp, fingerprint: PRINT, signature } };
  }

  test("the robot's own is accepted", async () => {
    const { key, claim } = await signed("s1");
    expect((await checkAnswer(claim, "OWN", key, crypto.subtle)).proof).toBe("proven");
  });

  test("another session, another page or another robot is refused", async () => {
    const { key, claim } = await signed("s1");
    const other = await signed("s1");
    expect((await checkAnswer({ ...claim, session: "s2" }, "OWN", key, crypto.subtle)).proof).toBe("forged");
    expect((await checkAnswer(claim, "OTHER", key, crypto.subtle)).proof).toBe("forged");
    expect((await checkAnswer(claim, "OWN", other.key, crypto.subtle)).proof).toBe("forged");
  });

  test("a description that uses another fingerprint is refused", async () => {
    const { key, claim } = await signed("s1");
    const swapped = { ...claim, sdp: sdp.replaceAll(/ab:cd/gi, "EE:FF") };
    expect((await checkAnswer(swapped, "OWN", key, crypto.subtle)).proof).toBe("forged");
    expect(fingerprintOf("a=fingerprint:sha-256 AA\r\na=fingerprint:sha-256 BB\r\n")).toBeNull();
    expect(fingerprintOf("a=fingerprint:md5 AA\r\n")).toBeNull();
  });

  test("without a secure page one may watch only", async () => {
    const { key, claim } = await signed("s1");
    expect(await checkAnswer(claim, "OWN", key, undefined)).toEqual({ proof: "unchecked", sentence: INSECURE });
  });
});

describe("the robot's key", () => {
  beforeEach(() => window.localStorage.clear());

  test("is kept at first sight and a change is told until it is trusted", () => {
    const store = window.localStorage;
    expect(checkPin(store, "r1", "old")).toBe("first");
    expect(checkPin(store, "r1", "old")).toBe("same");
    expect(checkPin(store, "r1", "new")).toBe("changed");
    expect(checkPin(store, "r1", "new")).toBe("changed");
    trust(store, "r1", "new");
    expect(checkPin(store, "r1", "new")).toBe("same");
    expect(checkPin(store, "r2", "new")).toBe("first");
  });
});
