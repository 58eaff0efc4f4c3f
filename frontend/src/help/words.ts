// How a request for help is said. Pure.
import { icon } from "../icons";
import type { HelpRow } from "../tasks/shapes";
import { reasonOf } from "../tasks/words";
import { clock, safe } from "../text";

const PATIENCE_S = 300; // a request may wait so long

const QUESTIONS: Readonly<Record<string, string>> = {
  doubt: "Is this what it should do? It has not seen anything like it.",
  no_progress: "It does not get any further. What now?",
};

/** The question in large letters: the robot's own sentence where it has one. */
export function question(row: Pick<HelpRow, "reason" | "explanation">): string {
  return row.explanation || QUESTIONS[row.reason] || `It holds: ${reasonOf(row.reason)}.`;
}

/** Seconds that it has waited, on since it was read. */
export function waited(row: HelpRow, readMs: number, nowMs: number): number {
  return row.state === "open" ? row.waiting_s + (nowMs - readMs) / 1000 : row.waiting_s;
}

/** A ring that fills in five minutes, with the age in it. */
export function ring(seconds: number): string {
  const share = Math.min(1, seconds / PATIENCE_S);
  const round = 2 * Math.PI * 14;
  const colour = share > 0.3 ? "var(--warn)" : "var(--accent)";
  return `<svg class="ring" viewBox="0 0 34 34" role="img" aria-label="waiting ${clock(seconds)}"><circle cx="17" cy="17" r="14" stroke="var(--s4)"/><circle cx="17" cy="17" r="14" stroke="${colour}" stroke-dasharray="${(round * share).toFixed(1)} ${round.toFixed(1)}" transform="rotate(-90 17 17)"/><text x="17" y="20.5">${clock(seconds)}</text></svg>`;
}

export function holdChip(row: Pick<HelpRow, "reason">): string {
  return `<span class="mode" data-m="hold">${icon("lock")}HOLD <small>${safe(reasonOf(row.reason))}</small></span>`;
}

const ANSWERS: Readonly<Record<string, string>> = {
  go_on: "Answered “go on”",
  took_over: "Took over",
  end: "Ended the run",
};

export function answered(row: Pick<HelpRow, "answer" | "state">): string {
  return ANSWERS[row.answer] ?? (row.state === "ended" ? "The run ended" : "Answered");
}
