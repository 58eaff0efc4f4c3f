// The last 60 s as the plots show them: state, asked and done, delay, who drove, what happened. Fixed memory; freezing keeps a copy of the edge only.
import type { RobotState } from "../generated/protocol";

export const SPAN_MS = 60_000;
const KEPT = 1400; // 60 s at 20 Hz and some

export type Pilot = "operator" | "policy" | "hold" | "stop" | "unknown";

export interface Sample {
  atMs: number;
  state: readonly number[];
  asked: readonly number[];
  done: readonly number[];
  latencyMs: number | null;
}

export interface Stretch {
  pilot: Pilot;
  label: string;
  fromMs: number;
  toMs: number;
}

export interface Mark {
  atMs: number;
  text: string;
  tone: "" | "warn" | "acc" | "stop";
}

export class History {
  readonly samples: Sample[] = [];
  readonly stretches: Stretch[] = [];
  readonly marks: Mark[] = [];
  private lastClamp = "";

  add(sample: Sample): void {
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.splice(0, this.samples.length - KEPT);
  }

  pilot(pilot: Pilot, label: string, nowMs: number): void {
    const last = this.stretches.at(-1);
    if (last && last.pilot === pilot && last.label === label && nowMs - last.toMs < 2000) last.toMs = nowMs;
    else
      this.stretches.push({ pilot, label, fromMs: last && nowMs - last.toMs < 2000 ? last.toMs : nowMs, toMs: nowMs });
    const first = this.stretches.findIndex((one) => one.toMs > nowMs - SPAN_MS - 5000);
    if (first > 0) this.stretches.splice(0, first);
  }

  mark(text: string, nowMs: number, tone: Mark["tone"] = ""): void {
    this.marks.push({ atMs: nowMs, text, tone });
    if (this.marks.length > 40) this.marks.shift();
  }

  /** A clamp is an event when it begins, not at each tick. */
  clamp(words: string, nowMs: number): void {
    if (words && words !== this.lastClamp) this.mark(words.split(":")[0] ?? words, nowMs, "warn");
    this.lastClamp = words;
  }

  /** What is in the 60 s before `endMs`, clipped. */
  band(endMs: number): Stretch[] {
    const start = endMs - SPAN_MS;
    return this.stretches
      .filter((one) => one.toMs > start && one.fromMs < endMs)
      .map((one) => ({ ...one, fromMs: Math.max(start, one.fromMs), toMs: Math.min(endMs, one.toMs) }));
  }
}

/** Who drives, and the words in the band. */
export function pilotOf(state: RobotState): ["operator" | "policy" | "hold" | "stop", string] {
  if (state.mode === "ESTOP") return ["stop", "Stop"];
  if (state.mode === "TELEOP") return ["operator", `Operator · ${state.lease?.name ?? ""}`];
  return state.mode === "AUTONOMY" ? ["policy", "Policy"] : ["hold", "Hold"];
}
