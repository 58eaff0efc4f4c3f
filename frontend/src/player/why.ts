// What a run thought while it was recorded, as marks on the player's time line: subtasks, holds and their reasons; and the limit of its doubt.
import type { EpisodeDetail } from "../episodes/shapes";
import { call, Refused } from "../http";
import { Trace } from "../run/trace";
import type { RunDetail } from "../tasks/shapes";
import { reasonOf } from "../tasks/words";
import type { Mark } from "./marks";

export interface Why {
  marks: Mark[];
  limit: number | undefined;
}

/** null where no policy drove, or its run is not known any more. */
export async function loadWhy(episode: EpisodeDetail, signal: AbortSignal): Promise<Why | null> {
  if (!episode.pilots.policy) return null;
  try {
    const run = await call<RunDetail | null>("GET", `/api/episodes/${episode.id}/run`, undefined, signal);
    if (!run?.episode) return null;
    const trace = new Trace();
    trace.startAt(Number(run.episode.started_ns));
    await trace.read(`/api/runs/${run.id}`, signal);
    return whyOf(trace, episode.record_hz, episode.rows);
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

export function whyOf(trace: Trace, hz: number, rows: number): Why {
  const row = (seconds: number): number => Math.max(0, Math.min(rows - 1, Math.round(seconds * hz)));
  const thoughts = trace
    .subtasks()
    .filter((one) => one.what !== "" && one.what !== "by hand")
    .map((one): Mark => ({ row: row(one.from), icon: "policy", look: "", words: one.what.replaceAll("_", " ") }));
  const holds = trace
    .events()
    .filter((one) => one.kind === "holding")
    .map((one): Mark => {
      const said = trace.at(one.at)?.sentence;
      const mark: Mark = { row: row(one.at), icon: "question", look: "warn", words: reasonOf(one.what) };
      return said ? { ...mark, title: said } : mark;
    });
  const limit = [...trace.lines].reverse().find((line) => line.limit !== undefined)?.limit;
  return { marks: [...thoughts, ...holds], limit };
}
