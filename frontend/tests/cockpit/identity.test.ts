// Who answers: the signature over both fingerprints, and the key that this browser saw first.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Claim,
  checkAnswer,
  checkPin,
  dtlsBytes,
  fingerprintOf,
  trust,
  type Verdict,
} from "../../src/cockpit/identity";

const ROBOT = Array(32).fill("AA").join(":");
const PAGE = Array(32).fill("0C").join(":");
const sdpOf = (fingerprint: string): string => `v=0\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;
const base64 = (bytes: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(bytes)));

let key = "";
let claim: Claim;

async function signed(fingerprint: string, page: string): Promise<[string, string]> {
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
  const bytes = dtlsBytes("s1", fingerprint, page);
  const signature = base64(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, bytes));
  return [base64(await crypto.subtle.exportKey("raw", pair.publicKey)), signature];
}

beforeAll(async () => {
  const [made, signature] = await signed(ROBOT, PAGE);
  key = made;
  claim = { session: "s1", sdp: sdpOf(ROBOT), fingerprint: ROBOT, signature };
});

const verdict = (changes: Partial<Claim> = {}, page = PAGE, robotKey = key): Promise<Verdict> =>
  checkAnswer({ ...claim, ...changes }, page, robotKey, crypto.subtle);

describe("an answer", () => {
  it("is accepted when the robot signed both fingerprints", async () => {
    expect(await verdict()).toEqual({ proof: "proven", sentence: "" });
  });

  it.each([
    ["another session", { session: "s2" }],
    ["another fingerprint in the description", { sdp: sdpOf(PAGE) }],
    ["another fingerprint, named as well", { sdp: sdpOf(PAGE), fingerprint: PAGE }],
    ["a signature of zeros", { signature: `${"A".repeat(86)}==` }],
    ["a signature that is no base64", { signature: "*" }],
    ["no signature", { signature: "" }],
    ["two fingerprints", { sdp: sdpOf(ROBOT) + sdpOf(PAGE) }],
  ])("is refused with %s", async (_, changes) => {
    expect((await verdict(changes)).proof).toBe("forged");
  });

  it("is refused when the robot saw another page, or another key signed", async () => {
    expect((await verdict({}, ROBOT)).proof).toBe("forged");
    expect((await verdict({}, PAGE, (await signed(ROBOT, PAGE))[0])).proof).toBe("forged");
  });

  it("may be watched, not driven, where this page cannot check it", async () => {
    const blind = await checkAnswer(claim, PAGE, key, undefined);
    expect(blind.proof).toBe("unchecked");
    expect(blind.sentence).toContain("not drive");
    const old = {
      importKey: () => Promise.reject(new DOMException("", "NotSupportedError")),
    } as unknown as SubtleCrypto;
    expect((await checkAnswer(claim, PAGE, key, old)).proof).toBe("unchecked");
  });

  it("says what to do whenever it is not proven", async () => {
    expect((await verdict({ session: "s2" })).sentence).toContain("administrator");
    expect((await verdict({ sdp: sdpOf(PAGE) })).sentence).toContain("administrator");
  });
});

describe("fingerprintOf", () => {
  it("takes exactly one, and sha-256 only", () => {
    expect(fingerprintOf(sdpOf(ROBOT.toLowerCase()))).toBe(ROBOT);
    expect(fingerprintOf("a=fingerprint:md5 AA:BB\r\n")).toBeNull();
    expect(fingerprintOf("v=0\r\n")).toBeNull();
  });
});

describe("the pin", () => {
  beforeEach(() => localStorage.clear());

  it("keeps the first key of each robot until a person trusts another", () => {
    expect(checkPin(localStorage, "r1", "k1")).toBe("first");
    expect(checkPin(localStorage, "r1", "k1")).toBe("same");
    expect(checkPin(localStorage, "r1", "k2")).toBe("changed");
    expect(checkPin(localStorage, "r1", "k2")).toBe("changed");
    expect(checkPin(localStorage, "r2", "k2")).toBe("first");
    trust(localStorage, "r1", "k2");
    expect(checkPin(localStorage, "r1", "k2")).toBe("same");
  });
});
