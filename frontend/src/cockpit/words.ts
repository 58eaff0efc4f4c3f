// Sentences of the cockpit: first what is true, then what to do. Codes come in, plain words go out; nothing is decided here.
import { reasonWords } from "../mode";

const LOST: Readonly<Record<string, string>> = {
  DEADMAN: "The robot heard nothing from this page for 250 ms and holds.",
  LEASE_LOST: "The lease ran out and the robot holds.",
  SERVER_LOST: "The server did not renew the lease for 5 s. The robot holds.",
  REMOTE_STOP: "A remote stop is latched.",
  REMOTE_MOTION_OFF: "Remote motion was switched off at the robot.",
  RELEASED: "The lease was handed back.",
  HIDDEN: "This page was hidden, so the lease ended.",
  LINK: "The connection to the robot broke. Whether it stands is unknown until it answers; it holds by itself within 300 ms.",
  BODY_LOST: "The arm does not answer its controller.",
  BOOT: "The robot's program started again.",
  REVOKED: "Your right to drive was withdrawn.",
  RIGHTS_REVOKED: "Your right to drive was withdrawn.",
};

/** Why control was lost. `actor` is who took it, where somebody did. */
export function lostSentence(reason: string, actor: string): string {
  const code = reason.toUpperCase();
  if (code === "TAKEN") return `${actor || "Somebody else"} took the lease.`;
  return LOST[code] ?? `The robot holds: ${reasonWords(reason)}.`;
}

const CLAMP_WORDS: Readonly<Record<string, string>> = {
  not_finite: "a number was not valid, zero instead",
  limit: "limited to the axis' range",
  speed: "slowed to the speed limit",
  latency: "slowed: the picture is old",
  slew: "eased in: changed too fast",
  workspace: "held at the edge of the workspace",
  deadman: "drive key not held",
  stale_command: "commands arrive late, standing still",
  stale_picture: "picture too old, standing still",
  neutral_first: "let go once, then drive",
};

/** The most telling clamp in words; "" when what is done is what was asked. `deadman` alone is no news. */
export function clampWords(clamps: readonly string[]): string {
  const order = [
    "neutral_first",
    "stale_picture",
    "stale_command",
    "workspace",
    "latency",
    "speed",
    "limit",
    "not_finite",
    "slew",
  ];
  const first = order.find((name) => clamps.includes(name));
  return first ? (CLAMP_WORDS[first] ?? first) : "";
}

const PERMITTED: Readonly<Record<string, string>> = {
  direct: "Direct",
  scaled: "Scaled",
  step: "Step",
  supervise: "Supervise",
};

export function permittedWord(mode: string): string {
  return PERMITTED[mode] ?? mode;
}

/** Why the mode is no better than it is. */
export function permittedWhy(mode: string, latencyMs: number | null): string {
  if (mode === "direct") return "Delay under 100 ms: full speed.";
  if (latencyMs === null) return "No picture yet: watching only.";
  const ms = Math.round(latencyMs);
  if (mode === "scaled") return `Delay ${ms} ms: ${ms > 200 ? "speed reduced" : "full speed up to 200 ms"}, limit 250.`;
  if (mode === "step") return `Delay ${ms} ms: one step per key press or click, limit 500.`;
  return `Delay ${ms} ms is over 500: watching only.`;
}

export interface PillFacts {
  inControl: boolean;
  silent: boolean;
  stopped: boolean;
  stale: boolean;
  ageMs: number | null;
  permitted: string;
  deadman: "keys" | "pad" | "picture" | null;
  holder: string;
  lost: boolean;
  letGoFirst: boolean;
}

export interface Pill {
  look: "drive" | "ready" | "hold" | "lock" | "unknown";
  word: string;
  rest: string;
  /** Which key stands in `rest` at the mark "|"; "" for none. */
  key: "deadman" | "lease" | "";
}

const pill = (look: Pill["look"], word: string, rest: string, key: Pill["key"] = ""): Pill => ({
  look,
  word,
  rest,
  key,
});

const RELEASE: Readonly<Record<"keys" | "pad" | "picture", Pill>> = {
  keys: pill("drive", "Driving", "let go of | and the arm holds", "deadman"),
  pad: pill("drive", "Driving", "let go of LB and the arm holds"),
  picture: pill("drive", "Driving", "let go of the picture and the arm holds"),
};

/** The pill in the picture: always which it is, and what to do. */
export function pillOf(f: PillFacts): Pill {
  if (f.silent) return pill("unknown", "UNKNOWN", "no word from the robot for a second");
  if (f.stopped) return pill("lock", "Standing still", "a remote stop is latched");
  if (!f.inControl) {
    if (f.holder) return pill("hold", "Watching", `${f.holder} drives`);
    return f.lost
      ? pill("hold", "Control lost", "press | to take again", "lease")
      : pill("hold", "Watching", "press | to take over", "lease");
  }
  if (f.stale) return pill("lock", "Locked", staleSentence(f.ageMs));
  if (f.permitted === "supervise") return pill("lock", "Locked", "the delay is too long to drive");
  if (f.letGoFirst) return pill("lock", "Holding", "let go of all keys once, then drive");
  if (f.permitted === "step" && f.deadman) return pill("drive", "Step", "each key press or click is one step");
  if (f.deadman) return RELEASE[f.deadman];
  return pill("ready", "Holding", "hold | to drive", "deadman");
}

export function staleSentence(ageMs: number | null): string {
  if (ageMs === null) return "No picture yet. Driving is locked.";
  return `Picture is ${(ageMs / 1000).toFixed(1)} s old. Driving is locked.`;
}
