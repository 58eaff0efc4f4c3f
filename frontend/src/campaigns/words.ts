// Words and small markup for campaigns: state, last day, rate, progress. Pure; the time is passed in.
import { type IconName, icon } from "../icons";
import { safe } from "../text";
import type { CampaignRow, CampaignState } from "./shapes";

const STATES: Readonly<Record<CampaignState, { icon: IconName; look: string; words: string }>> = {
  draft: { icon: "pen", look: "", words: "draft" },
  open: { icon: "play", look: "acc", words: "open" },
  paused: { icon: "pause", look: "warn", words: "paused" },
  done: { icon: "check", look: "ok", words: "done" },
  closed: { icon: "lock", look: "", words: "closed" },
};

export function stateChip(state: CampaignState): string {
  const { icon: name, look, words } = STATES[state];
  return `<span class="chip ${look}">${icon(name)}${words}</span>`;
}

/** "Fri 27 Nov"; with the year where it is another one than now. */
export function day(date: string, now: Date): string {
  const then = new Date(`${date.slice(0, 10)}T00:00:00Z`);
  const other = then.getUTCFullYear() !== now.getUTCFullYear();
  return then.toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    timeZone: "UTC",
    ...(other ? { year: "numeric" } : {}),
  });
}

export interface Foretold {
  look: "ok" | "warn" | "err" | "muted";
  icon: IconName;
  words: string;
}

/** When it will be done at the rate of the last days, beside its last day. */
export function foretold(c: CampaignRow, now: Date): Foretold {
  if (c.state === "done" || (c.have >= c.goal && c.goal > 0))
    return { look: "ok", icon: "check", words: "every goal is reached" };
  if (c.state === "draft") return { look: "muted", icon: "pen", words: "not open yet" };
  if (c.state === "closed") return { look: "muted", icon: "lock", words: `closed at ${c.have} of ${c.goal}` };
  if (c.state === "paused") return { look: "warn", icon: "pause", words: `paused at ${c.have} of ${c.goal}` };
  if (c.done_at === null) {
    const past = c.late === true;
    return { look: past ? "err" : "muted", icon: past ? "warning" : "clock", words: past ? "late" : "no rate yet" };
  }
  const at = `done by ${day(c.done_at, now)} at this rate`;
  if (c.late === true) return { look: "err", icon: "warning", words: `late: ${at}` };
  return { look: c.late === false ? "ok" : "muted", icon: c.late === false ? "check" : "clock", words: at };
}

/** "12 a day", "0.4 a day". */
export function rate(c: CampaignRow): string {
  return c.per_day > 0 ? `${c.per_day >= 10 ? Math.round(c.per_day) : c.per_day} a day` : "–";
}

/** A bar with its numbers; `have` may pass the goal. */
export function progress(have: number, goal: number, label: string): string {
  const share = goal > 0 ? Math.min(100, (have / goal) * 100) : 100;
  const full = have >= goal ? " full" : "";
  return `<div class="cp-progress"><div class="meter${full}" role="progressbar" aria-label="${safe(label)}" aria-valuemin="0" aria-valuemax="${goal}" aria-valuenow="${Math.min(have, goal)}"><i style="width:${share.toFixed(1)}%"></i></div><span class="nw"><b>${have}</b> <span class="muted">of ${goal}</span></span></div>`;
}
