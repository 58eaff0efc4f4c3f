// The page's own idea of who may drive, as a pure state machine: it claims control only on the robot's word, never takes a lost lease again
// by itself, and says UNKNOWN when the robot has been silent for a second. Effects are named here and carried out elsewhere.
import type { RobotState, Signed } from "../generated/protocol";
import { lostSentence } from "./words";

export const SILENCE_MS = 1000;
export const WAIT_MS = 300;
/** A state that was made before the grant may still be on its way; so long the grant itself is believed. */
const SETTLE_MS = 500;
export const ANSWER_S = 10;
const GIVE_UP_MS = 5000;

export type Lease =
  | { at: "none" }
  | { at: "permit"; id: string; sinceMs: number; take: boolean }
  | { at: "asking"; id: string; sinceMs: number; untilMs: number; holder: string }
  | { at: "taking"; id: string; sinceMs: number }
  | { at: "mine"; epoch: number; seq: number; sinceMs: number; confirmed: boolean }
  | { at: "releasing"; id: string; epoch: number; seq: number; sinceMs: number }
  | { at: "lost"; reason: string; sentence: string; sinceMs: number };

export interface Consent {
  request: string;
  name: string;
  untilMs: number;
}

export interface Authority {
  lease: Lease;
  /** The robot's word that came last, and over which way; null before the first. */
  state: RobotState | null;
  /** When any message of the robot itself last came. */
  wordMs: number | null;
  /** The robot's own channel is open. */
  open: boolean;
  /** Somebody asks for the lease held here. */
  consent: Consent | null;
  /** Why the last request was refused; "" when none was. */
  refusal: string;
}

export const START: Authority = {
  lease: { at: "none" },
  state: null,
  wordMs: null,
  open: false,
  consent: null,
  refusal: "",
};

export type Happening =
  | { what: "take"; id: string; how: "free" | "ask" | "force"; holder: string; reason: string }
  | { what: "permitted"; id: string; permit: Signed }
  | {
      what: "take_result";
      id: string;
      consent: boolean;
      by: "holder" | "timeout";
      permit: Signed | null;
      acquire: string;
    }
  | { what: "granted"; id: string; epoch: number; seq: number }
  | { what: "refused"; id: string; code: string; sentence: string }
  | { what: "hand_back"; id: string; reason: "released" | "hidden" | "page_left" | "handed_over" }
  | { what: "done"; id: string }
  | { what: "state"; state: RobotState }
  | { what: "word" }
  | { what: "opened" }
  | { what: "closed"; why: string }
  | { what: "take_asked"; request: string; name: string; seconds: number }
  | { what: "answer"; request: string; consent: boolean }
  | { what: "cancel" }
  | { what: "tick" };

export type Effect =
  | { do: "ask_permit"; id: string; force: boolean; reason: string }
  | { do: "ask_holder"; id: string }
  | { do: "acquire"; id: string; permit: Signed }
  | {
      do: "release";
      id: string;
      epoch: number;
      seq: number;
      reason: "released" | "hidden" | "page_left" | "handed_over";
    }
  | { do: "answer_holder"; request: string; consent: boolean }
  | { do: "forget_input" }
  | { do: "say"; text: string }
  | { do: "alarm"; text: string };

export interface Step {
  next: Authority;
  effects: readonly Effect[];
}

const stay = (next: Authority, ...effects: Effect[]): Step => ({ next, effects });

function mine(state: RobotState | null, lease: { epoch: number; seq: number }): boolean {
  return state?.lease?.epoch === lease.epoch && state.lease.seq === lease.seq;
}

function lose(a: Authority, reason: string, nowMs: number, actor = ""): Step {
  const sentence = lostSentence(reason, actor);
  return stay(
    { ...a, lease: { at: "lost", reason, sentence, sinceMs: nowMs }, consent: null },
    { do: "forget_input" },
    { do: "alarm", text: `Control lost. ${sentence}` },
  );
}

function take(a: Authority, event: Extract<Happening, { what: "take" }>, nowMs: number): Step {
  if (a.lease.at !== "none" && a.lease.at !== "lost") return stay(a);
  const clean = { ...a, refusal: "" };
  if (event.how === "ask") {
    const untilMs = nowMs + ANSWER_S * 1000;
    return stay(
      { ...clean, lease: { at: "asking", id: event.id, sinceMs: nowMs, untilMs, holder: event.holder } },
      { do: "ask_holder", id: event.id },
      { do: "say", text: `Asked ${event.holder} for the lease.` },
    );
  }
  return stay(
    { ...clean, lease: { at: "permit", id: event.id, sinceMs: nowMs, take: event.how === "force" } },
    { do: "ask_permit", id: event.id, force: event.how === "force", reason: event.reason },
  );
}

function acquire(a: Authority, id: string, permit: Signed, nowMs: number): Step {
  return stay({ ...a, lease: { at: "taking", id, sinceMs: nowMs } }, { do: "acquire", id, permit });
}

function granted(a: Authority, event: Extract<Happening, { what: "granted" }>, nowMs: number): Step {
  const { epoch, seq } = event;
  if (a.lease.at === "mine" && a.lease.epoch === epoch && a.lease.seq === seq) return stay(a);
  if (a.lease.at !== "taking" || a.lease.id !== event.id) {
    // Granted after this page gave up waiting: hand it back rather than drive on an answer nobody expects any more.
    return stay(a, { do: "release", id: "late", epoch, seq, reason: "released" });
  }
  return stay(
    { ...a, lease: { at: "mine", epoch, seq, sinceMs: nowMs, confirmed: false }, refusal: "" },
    { do: "forget_input" },
    { do: "say", text: "You are in control. Hold the drive key to move the arm." },
  );
}

function refused(a: Authority, event: Extract<Happening, { what: "refused" }>): Step {
  const { lease } = a;
  const waits = lease.at === "permit" || lease.at === "asking" || lease.at === "taking" || lease.at === "releasing";
  if (!waits || lease.id !== event.id) return stay(a);
  return stay({ ...a, lease: { at: "none" }, refusal: event.sentence }, { do: "say", text: event.sentence });
}

function takeResult(a: Authority, event: Extract<Happening, { what: "take_result" }>, nowMs: number): Step {
  if (a.lease.at !== "asking") return stay(a);
  if (event.permit) return acquire(a, event.acquire, event.permit, nowMs);
  const refusal = `${a.lease.holder} keeps the lease.`;
  return stay({ ...a, lease: { at: "none" }, refusal }, { do: "say", text: refusal });
}

function handBack(a: Authority, event: Extract<Happening, { what: "hand_back" }>, nowMs: number): Step {
  const { lease } = a;
  const leaves = event.reason === "hidden" || event.reason === "page_left";
  if (leaves && (lease.at === "permit" || lease.at === "asking" || lease.at === "taking")) {
    // Nobody is looking: what was asked for must not take the lease from anybody. A grant under way is handed back when it comes.
    const refusal = "You left this page before you had the lease. Take it again when you are ready.";
    return stay({ ...a, lease: { at: "none" }, refusal }, { do: "say", text: refusal });
  }
  if (lease.at !== "mine") return stay(a);
  const { epoch, seq } = lease;
  if (leaves) {
    const lost = lose(a, event.reason.toUpperCase(), nowMs);
    return { ...lost, effects: [{ do: "release", id: event.id, epoch, seq, reason: event.reason }, ...lost.effects] };
  }
  return stay(
    { ...a, lease: { at: "releasing", id: event.id, epoch, seq, sinceMs: nowMs }, consent: null },
    { do: "forget_input" },
    { do: "release", id: event.id, epoch, seq, reason: event.reason },
  );
}

function told(a: Authority, state: RobotState, nowMs: number): Step {
  const next: Authority = { ...a, state, wordMs: nowMs };
  const { lease } = a;
  if (lease.at === "releasing" && !mine(state, lease)) return released(next);
  if (lease.at !== "mine") return stay(next);
  if (mine(state, lease)) return stay(lease.confirmed ? next : { ...next, lease: { ...lease, confirmed: true } });
  if (!lease.confirmed && nowMs - lease.sinceMs < SETTLE_MS && state.mode !== "ESTOP") return stay(next);
  const reason = state.mode === "ESTOP" ? "REMOTE_STOP" : state.lease ? "TAKEN" : state.reason;
  return lose(next, reason, nowMs, state.lease?.name ?? state.actor ?? "");
}

/** Gives up on what nobody answered, and forgets a question that ran out. */
function ticked(a: Authority, nowMs: number): Step {
  const { lease } = a;
  const consent = a.consent && a.consent.untilMs > nowMs ? a.consent : null;
  const next = consent === a.consent ? a : { ...a, consent };
  const limit = lease.at === "asking" ? (ANSWER_S + 5) * 1000 : GIVE_UP_MS;
  const waits = lease.at === "permit" || lease.at === "asking" || lease.at === "taking" || lease.at === "releasing";
  if (!waits || nowMs - lease.sinceMs < limit) return stay(next);
  const who = lease.at === "permit" || lease.at === "asking" ? "The server" : "The robot";
  const refusal = `${who} did not answer for ${limit / 1000} s. Try again.`;
  return stay({ ...next, lease: { at: "none" }, refusal }, { do: "say", text: refusal });
}

function released(a: Authority): Step {
  return stay({ ...a, lease: { at: "none" } }, { do: "say", text: "Handed back. The arm holds its position." });
}

function closed(a: Authority, why: string, nowMs: number): Step {
  const next = { ...a, open: false };
  const { lease } = a;
  if (lease.at === "mine") return lose(next, why, nowMs);
  if (lease.at === "releasing" || lease.at === "taking" || lease.at === "permit" || lease.at === "asking")
    return stay({ ...next, lease: { at: "none" }, refusal: "The connection broke before the robot answered." });
  return stay(next);
}

function answered(a: Authority, event: Extract<Happening, { what: "answer" }>): Step {
  if (a.consent?.request !== event.request) return stay(a);
  const reply: Effect = { do: "answer_holder", request: event.request, consent: event.consent };
  const next = { ...a, consent: null };
  if (!event.consent) return stay(next, reply);
  // The other's permit takes the lease; until then the arm has to stand still, so hands off at once.
  return {
    next,
    effects: [reply, { do: "forget_input" }, { do: "say", text: `Agreed. ${a.consent.name} may take the lease now.` }],
  };
}

/** The next state after something happened, and what has to be done about it. */
export function step(a: Authority, event: Happening, nowMs: number): Step {
  switch (event.what) {
    case "take":
      return take(a, event, nowMs);
    case "permitted":
      return a.lease.at === "permit" && a.lease.id === event.id ? acquire(a, event.id, event.permit, nowMs) : stay(a);
    case "take_result":
      return takeResult(a, event, nowMs);
    case "granted":
      return granted(a, event, nowMs);
    case "refused":
      return refused(a, event);
    case "hand_back":
      return handBack(a, event, nowMs);
    case "done":
      return a.lease.at === "releasing" && a.lease.id === event.id ? released(a) : stay(a);
    case "state":
      return told(a, event.state, nowMs);
    case "word":
      return stay({ ...a, wordMs: nowMs });
    case "opened":
      return stay({ ...a, open: true, wordMs: nowMs });
    case "closed":
      return closed(a, event.why, nowMs);
    case "tick":
      return ticked(a, nowMs);
    case "take_asked":
      return takeAsked(a, event, nowMs);
    case "answer":
      return answered(a, event);
    case "cancel":
      return stay(
        a.lease.at === "asking" || a.lease.at === "permit" || a.lease.at === "lost"
          ? { ...a, lease: { at: "none" } }
          : a,
      );
  }
}

function takeAsked(a: Authority, event: Extract<Happening, { what: "take_asked" }>, nowMs: number): Step {
  if (a.lease.at !== "mine") return stay(a);
  const consent = { request: event.request, name: event.name, untilMs: nowMs + event.seconds * 1000 };
  return stay({ ...a, consent }, { do: "alarm", text: `${event.name} asks for the lease.` });
}

/** True when the robot has said nothing for a second, so that nothing may be claimed about it. */
export function isSilent(a: Authority, nowMs: number): boolean {
  return a.wordMs === null || nowMs - a.wordMs > SILENCE_MS;
}

/** True only while the robot itself has said so and still speaks. */
export function inControl(a: Authority, nowMs: number): boolean {
  return a.lease.at === "mine" && a.open && !isSilent(a, nowMs);
}

/** Sent and not answered for 300 ms: the button turns amber and counts. */
export function waitingMs(a: Authority, nowMs: number): number | null {
  const { lease } = a;
  if (lease.at !== "permit" && lease.at !== "taking" && lease.at !== "releasing") return null;
  const waited = nowMs - lease.sinceMs;
  return waited > WAIT_MS ? waited : null;
}

/** The word of the attribute `data-lease`. */
export function leaseWord(a: Authority, nowMs: number): "none" | "asked" | "mine" | "other" {
  const { lease } = a;
  if (lease.at === "permit" || lease.at === "asking" || lease.at === "taking") return "asked";
  if (inControl(a, nowMs)) return "mine";
  const theirs = a.state?.lease;
  if (!theirs || isSilent(a, nowMs)) return "none";
  const ours = (lease.at === "mine" || lease.at === "releasing") && mine(a.state, lease);
  return ours ? "none" : "other";
}
