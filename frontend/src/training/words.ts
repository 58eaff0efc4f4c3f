// What is said of a training, in words. Pure.
import { count, span } from "../text";
import type { Line } from "./reported";
import type { TrainingRow } from "./shapes";

export const STATES: Record<
  TrainingRow["state"],
  { word: string; chip: string; icon: "clock" | "play" | "check" | "cross" }
> = {
  queued: { word: "waiting", chip: "", icon: "clock" },
  running: { word: "running", chip: "acc", icon: "play" },
  done: { word: "done", chip: "ok", icon: "check" },
  failed: { word: "failed", chip: "err", icon: "cross" },
  cancelled: { word: "cancelled", chip: "", icon: "cross" },
};

export function percent(row: TrainingRow): number {
  return row.total ? Math.min(100, Math.floor((100 * row.step) / row.total)) : 0;
}

/** "38 min left, from the last 2 000 steps"; a number never stands without its basis. */
export function left(row: TrainingRow): { strong: string; basis: string } {
  if (row.state !== "running") return { strong: "", basis: "" };
  if (!row.remaining) return { strong: "", basis: "No pace is known yet." };
  return {
    strong: `${span(row.remaining.seconds)} left`,
    basis: `from the last ${thousands(row.remaining.basis)} steps`,
  };
}

export function thousands(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** One sentence on how it stands. */
export function standing(row: TrainingRow): string {
  if (row.state === "queued") return row.waits;
  if (row.state === "failed") return `${row.problem} ${row.next_action}`;
  if (row.state === "cancelled") return `Cancelled by ${row.cancelled_by || "somebody"} at ${percent(row)} %.`;
  if (row.state === "running" && row.heard_s === null)
    return "Its worker has left. Another goes on with it from the last checkpoint.";
  if (row.state === "done")
    return row.step < row.total ? `Ended early after ${thousands(row.step)} steps.` : `${thousands(row.step)} steps.`;
  return row.cancelled_by ? `${row.cancelled_by} has cancelled it; it ends now.` : row.doing || "Being begun.";
}

/** How long ago its process was last heard of; quiet while that is usual. */
export function heard(row: TrainingRow): string {
  if (row.heard_s === null) return "";
  return row.heard_s < 5 ? "heard just now" : `last heard ${span(row.heard_s)} ago`;
}

/** A line of the log, as people read it. */
export function logWords(line: Line): string {
  const at = `step ${thousands(line.step ?? 0)}`;
  switch (line.event) {
    case "began":
      return line.step
        ? `went on from the checkpoint of ${at}`
        : `began: ${count(Number(line.windows), "step")} to learn from, ${line.set_aside} set aside, on ${line.device_name}`;
    case "step":
      return `${at} loss ${line.loss} gradient ${line.gradient} ${line.samples_per_s} samples/s`;
    case "checked":
      return `${at} set aside ${line.held_out ?? "nothing"}; checkpoint kept`;
    case "failed":
      return String(line.sentence);
    case "done":
      return `${at} done, ${line.cpu_s} CPU s`;
    default:
      return line.event;
  }
}
