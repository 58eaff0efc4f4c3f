// How tasks and runs are said and shown: one chip for a phase, one for an end, the sentence with what was understood. Pure markup.
import { type IconName, icon } from "../icons";
import { safe } from "../text";
import type { Part, Phase, Result, RunRow, TaskState } from "./shapes";

const REASONS: Readonly<Record<string, string>> = {
  doubt: "doubt",
  no_progress: "no progress",
  starved: "no actions",
  policy_output: "bad actions",
  taken: "a person drives",
  released: "handed back",
  handed_over: "handed back",
  stopped: "remote stop",
  unanswered: "no answer",
  robot_lost: "robot lost",
  lease_lost: "lease lost",
  deadman: "pilot silent",
  video_stale: "pictures stood still",
  body_lost: "arm lost",
  boot: "restarted",
  key_held: "key used twice",
  fenced: "out of date",
};

/** A code in words. */
export function reasonOf(code: string): string {
  return REASONS[code] ?? code.replaceAll("_", " ");
}

const LOOKS: Readonly<Record<Exclude<Phase, "ended">, [string, string, IconName]>> = {
  ordered: ["asked", "ORDERED", "clock"],
  starting: ["asked", "STARTING", "clock"],
  moving: ["auto", "AUTONOMOUS", "policy"],
  holding: ["hold", "HOLD", "lock"],
  taken: ["human", "HUMAN", "hand"],
};

const ENDS: Readonly<Record<Exclude<Result, "">, [string, IconName]>> = {
  success: ["ok", "check"],
  failure: ["err", "cross"],
  cancelled: ["", "cross"],
  interrupted: ["warn", "warning"],
  refused: ["warn", "warning"],
};

/** What a run does, or how it ended. */
export function runChip(run: Pick<RunRow, "phase" | "reason" | "result" | "judge">): string {
  if (run.phase !== "ended") {
    const [look, word, name] = LOOKS[run.phase];
    const small = run.phase === "holding" && run.reason ? ` <small>${safe(reasonOf(run.reason))}</small>` : "";
    return `<span class="mode" data-m="${look}">${icon(name)}${word}${small}</span>`;
  }
  const [look, name] = ENDS[run.result || "interrupted"];
  return `<span class="chip ${look}">${icon(name)}${run.result || "interrupted"}${judged(run)}</span>`;
}

function judged(run: Pick<RunRow, "result" | "judge">): string {
  if (run.result !== "success" && run.result !== "failure") return "";
  return { world: ", says the world", person: ", says a person", "": "" }[run.judge];
}

const STATES: Readonly<Record<TaskState, [string, IconName]>> = {
  running: ["pol", "policy"],
  done: ["ok", "check"],
  failed: ["err", "cross"],
  cancelled: ["", "cross"],
};

export function taskChip(state: TaskState): string {
  const [look, name] = STATES[state];
  return `<span class="chip ${look}">${icon(name)}${state}</span>`;
}

/** The sentence with what was understood underlined. */
export function understood(sentence: string, parts: readonly Part[]): string {
  let at = 0;
  let out = "";
  for (const part of [...parts].sort((a, b) => a.first - b.first)) {
    if (part.first < at || part.last > sentence.length) continue;
    out += safe(sentence.slice(at, part.first));
    out += `<u data-kind="${part.kind}" title="${safe(part.name)}">${safe(sentence.slice(part.first, part.last))}</u>`;
    at = part.last;
  }
  return out + safe(sentence.slice(at));
}

/** "10:42" today, else "21 Nov 10:42". */
export function when(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** Wilson's interval at 95 percent, as shares. */
export function wilson(successes: number, of: number): readonly [number, number] {
  if (of === 0) return [0, 1];
  const z = 1.96;
  const p = successes / of;
  const middle = (p + (z * z) / (2 * of)) / (1 + (z * z) / of);
  const half = (z / (1 + (z * z) / of)) * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Doubt against its limit: number, bar, pin. A limit stands at two thirds of the bar. */
export function gauge(doubt: number | null | undefined, limit: number | null | undefined, label = "Doubt"): string {
  if (doubt === null || doubt === undefined)
    return `<div class="gauge" role="meter" aria-label="${label}" aria-valuetext="not measured"></div>`;
  const most = limit ? limit * 1.5 : Math.max(1, doubt);
  const over = limit !== null && limit !== undefined && doubt > limit;
  const pin = limit ? `<b style="left:${((limit / most) * 100).toFixed(1)}%"></b>` : "";
  const width = Math.min(100, (doubt / most) * 100).toFixed(1);
  const text = limit ? `${doubt.toFixed(2)}, asks at ${limit.toFixed(2)}` : doubt.toFixed(2);
  return `<div class="gauge ${over ? "over" : ""}" role="meter" aria-label="${label}" aria-valuenow="${doubt.toFixed(2)}" aria-valuetext="${text}"><i style="width:${width}%"></i>${pin}</div>`;
}
