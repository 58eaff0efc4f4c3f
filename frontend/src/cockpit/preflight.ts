// "Before you can start": what must be true before the lease can be taken, each with its reason; and what the link will permit, from probes. Pure.
import type { RobotState } from "../generated/protocol";
import { isStale } from "./frames";
import { quantile } from "./recent";

export type Verdict = "ok" | "no" | "wait";

export interface Check {
  name: string;
  verdict: Verdict;
  /** What is true; where it is not well, also what to do. */
  text: string;
}

export interface NetworkTest {
  sent: number;
  back: number;
  rttP50Ms: number | null;
  rttP95Ms: number | null;
  lostPct: number;
  done: boolean;
}

/** Probes of the last test: numbers sent, round trips of those that came back. */
export class ProbeTest {
  private readonly out = new Set<number>();
  private readonly rtts: number[] = [];
  private sent = 0;
  private done = false;

  send(n: number): void {
    this.out.add(n);
    this.sent += 1;
  }

  back(n: number, rttMs: number): void {
    if (this.out.delete(n)) this.rtts.push(rttMs);
  }

  finish(): void {
    this.done = true;
  }

  get result(): NetworkTest {
    const { sent, done } = this;
    const back = this.rtts.length;
    const lostPct = done && sent > 0 ? (100 * (sent - back)) / sent : 0;
    return { sent, back, rttP50Ms: quantile(this.rtts, 0.5), rttP95Ms: quantile(this.rtts, 0.95), lostPct, done };
  }
}

export type Permitted = "direct" | "scaled" | "step" | "supervise";

/** Where no picture has been measured yet: encode, buffer, decode and display together, milliseconds. */
const USUAL_SIGHT_MS = 50;

/** The mode to expect: picture delay as measured (or usual, plus half a round trip) and half a round trip for the command. */
export function predict(test: NetworkTest, glassMs: number | null): { mode: Permitted; latencyMs: number } {
  const half = (test.rttP95Ms ?? 0) / 2;
  const latencyMs = (glassMs ?? USUAL_SIGHT_MS + half) + half;
  if (test.back === 0 || test.lostPct > 30) return { mode: "supervise", latencyMs };
  if (latencyMs < 100) return { mode: "direct", latencyMs };
  if (latencyMs < 250) return { mode: "scaled", latencyMs };
  return { mode: latencyMs < 500 ? "step" : "supervise", latencyMs };
}

export interface Facts {
  signedIn: boolean;
  mayDrive: boolean;
  whyNot: string;
  /** Why this page may not drive at all (no secure context, key not checked); "" when it may. */
  pageProblem: string;
  keyChecked: boolean;
  online: boolean;
  lastSeenS: number | null;
  live: boolean;
  state: RobotState | null;
  me: string;
  ageMs: number | null;
  test: NetworkTest | null;
  glassMs: number | null;
}

const ok = (name: string, text: string): Check => ({ name, verdict: "ok", text });
const no = (name: string, text: string): Check => ({ name, verdict: "no", text });
const wait = (name: string, text: string): Check => ({ name, verdict: "wait", text });

function right(f: Facts): Check {
  if (!f.signedIn) return wait("right", "Asking the server what you may do.");
  if (!f.mayDrive) return no("right", f.whyNot || "You may watch. An administrator can let you drive.");
  return ok("right", "You may drive this robot.");
}

function robot(f: Facts): Check {
  if (f.live) return ok("robot", "Robot is connected.");
  if (f.online) return wait("robot", "Robot is online. Connecting to it.");
  const since = f.lastSeenS === null ? "" : `, last seen ${Math.round(f.lastSeenS)} s ago`;
  return no("robot", `Robot is offline${since}. Check its power and network.`);
}

function identity(f: Facts): Check {
  if (f.pageProblem) return no("identity", f.pageProblem);
  return f.keyChecked ? ok("identity", "It proved its key.") : wait("identity", "Its key is checked when it answers.");
}

function motion(f: Facts): Check {
  if (!f.state) return wait("motion", "Waiting for the robot's state.");
  return f.state.remote_motion === false
    ? no("motion", "Remote motion is switched off at the robot. Switch it on there.")
    : ok("motion", "Remote motion is allowed.");
}

function stops(f: Facts): Check {
  const count = f.state?.stops?.length ?? 0;
  if (!f.state) return wait("stop", "Waiting for the robot's state.");
  if (count > 0 || f.state.mode === "ESTOP")
    return no("stop", `Remote stop is latched by ${Math.max(1, count)}. Look, then clear it.`);
  return ok("stop", "No remote stop is latched.");
}

function lease(f: Facts): Check {
  const held = f.state?.lease;
  if (!held) return f.state ? ok("lease", "Nobody holds the lease.") : wait("lease", "Waiting for the robot's state.");
  if (held.kind === "policy") return ok("lease", "A policy drives; it yields to you at once.");
  const who = held.person === f.me ? "You hold it in another window." : `${held.name} holds the lease. Ask for it.`;
  return no("lease", who);
}

function picture(f: Facts): Check {
  if (f.ageMs === null) return wait("picture", "No picture yet.");
  if (isStale(f.ageMs)) return no("picture", `Picture is ${(f.ageMs / 1000).toFixed(1)} s old, limit 0.5.`);
  return ok("picture", "Picture is fresh.");
}

function network(f: Facts): Check {
  const { test } = f;
  if (!test) return wait("network", "Network test starts when connected.");
  if (!test.done) return wait("network", `Testing the network, ${test.back} of ${test.sent} back.`);
  const { mode } = predict(test, f.glassMs);
  const loss = `${test.lostPct.toFixed(test.lostPct < 10 ? 1 : 0)} % lost`;
  const text = `Network ${Math.round(test.rttP95Ms ?? 0)} ms p95, ${loss}: expect ${mode}.`;
  return mode === "supervise" ? no("network", `${text} Watching only.`) : ok("network", text);
}

export function checks(f: Facts): readonly Check[] {
  return [right(f), robot(f), identity(f), motion(f), stops(f), lease(f), picture(f), network(f)];
}

/** What keeps the lease from being taken: anything not well but the lease of another (that can be asked for) and the network's forecast. */
export function blockers(all: readonly Check[]): readonly Check[] {
  return all.filter((check) => check.verdict !== "ok" && check.name !== "lease" && check.name !== "network");
}
