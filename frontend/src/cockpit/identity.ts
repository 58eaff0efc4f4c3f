// Whether the peer is the robot it says it is: its DTLS fingerprint is signed by its enrolled key, and that key is the one this browser saw
// first. Guards against a broken relay; a hostile server ships this very page.

/** What the robot signs; the same bytes as protocol.permit.dtls_bytes. */
export function dtlsBytes(session: string, robotFingerprint: string, peerFingerprint: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`reins-dtls-v1|${session}|${robotFingerprint}|${peerFingerprint}`);
}

/** The one sha-256 fingerprint of a session description in upper case, or null when there is none or several. */
export function fingerprintOf(sdp: string): string | null {
  const found = new Set<string>();
  for (const match of sdp.matchAll(/^a=fingerprint:(\S+) (\S+)\s*$/gm)) {
    if (match[1]?.toLowerCase() !== "sha-256" || !match[2]) return null;
    found.add(match[2].toUpperCase());
  }
  const [one, ...more] = found;
  return one && more.length === 0 ? one : null;
}

/** The bytes of base64 text, or null when it is none. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch (error) {
    if (!(error instanceof Error && error.name === "InvalidCharacterError")) throw error;
    return null;
  }
}

export interface Claim {
  session: string;
  sdp: string;
  fingerprint: string;
  signature: string;
}

/** `proven`: the robot's own. `unchecked`: this page cannot tell, so it may be watched only. `forged`: not the robot's, so not accepted. */
export interface Verdict {
  proof: "proven" | "unchecked" | "forged";
  /** What is wrong, and what to do; "" when proven. */
  sentence: string;
}

const KEY_BYTES = 32; // Ed25519

const forged = (sentence: string): Verdict => ({ proof: "forged", sentence });
const unchecked = (sentence: string): Verdict => ({ proof: "unchecked", sentence });

export const NOT_ANSWERED = unchecked("The robot has not answered yet.");

/** Who answered. */
export async function checkAnswer(
  claim: Claim,
  ownFingerprint: string,
  robotKey: string,
  subtle: SubtleCrypto | undefined,
): Promise<Verdict> {
  if (fingerprintOf(claim.sdp) !== claim.fingerprint.toUpperCase()) return forged(OTHER_FINGERPRINT);
  if (!subtle) return unchecked(INSECURE);
  const signature = bytesOf(claim.signature);
  const keyBytes = bytesOf(robotKey);
  if (!signature || keyBytes?.length !== KEY_BYTES) return forged(UNSIGNED);
  try {
    const key = await subtle.importKey("raw", keyBytes, { name: "Ed25519" }, false, ["verify"]);
    const bytes = dtlsBytes(claim.session, claim.fingerprint, ownFingerprint);
    const good = await subtle.verify({ name: "Ed25519" }, key, signature, bytes);
    return good ? { proof: "proven", sentence: "" } : forged(UNSIGNED);
  } catch (error) {
    if (!(error instanceof DOMException) && !(error instanceof TypeError)) throw error;
    return unchecked(OLD_BROWSER);
  }
}

const OTHER_FINGERPRINT =
  "The answer names another fingerprint than it uses. The connection was refused; tell an administrator.";
const UNSIGNED = "The robot's signature does not fit its key. The connection was refused; tell an administrator.";
const OLD_BROWSER =
  "This browser cannot check the robot's key (Ed25519). You may watch; to drive, use a current browser.";

export const INSECURE =
  "This page was not loaded over https or from this machine, so the robot's key cannot be checked. You may watch, not drive.";

const slot = (robot: string): string => `reins.robot-key.${robot}`;

export type Pin = "first" | "same" | "changed";

/** Compares with what this browser saw before; the first key is kept. */
export function checkPin(store: Storage, robot: string, key: string): Pin {
  const known = store.getItem(slot(robot));
  if (known === key) return "same";
  if (known !== null) return "changed";
  store.setItem(slot(robot), key);
  return "first";
}

/** The person decided to trust the new key. */
export function trust(store: Storage, robot: string, key: string): void {
  store.setItem(slot(robot), key);
}

export function pinned(store: Storage, robot: string): string | null {
  return store.getItem(slot(robot));
}

/** Eight groups of four letters of a key's base64: enough to compare by eye. */
export function keyWords(key: string): string {
  return (key.match(/.{1,4}/g) ?? []).slice(0, 8).join(" ");
}
