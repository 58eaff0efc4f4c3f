// What the pages ask of the episode API: list, one, change, remove, restore. One function each; refusals come through as `Refused`.
import { call, Refused } from "../http";
import type { EpisodeDetail, EpisodePage, Outcome } from "./shapes";

export interface Filter {
  outcome: "" | Outcome;
  robot: string;
  search: string;
  removed: boolean;
}

export const NO_FILTER: Filter = { outcome: "", robot: "", search: "", removed: false };

/** Query of the list's address; empty filters are left out. */
export function query(filter: Filter, page: number, size: number): string {
  const words = new URLSearchParams({ page: String(page), page_size: String(size) });
  if (filter.outcome) words.set("outcome", filter.outcome);
  if (filter.robot) words.set("robot", filter.robot);
  if (filter.search) words.set("search", filter.search);
  if (filter.removed) words.set("removed", "true");
  return words.toString();
}

export function list(
  url: string,
  filter: Filter,
  page: number,
  size: number,
  signal?: AbortSignal,
): Promise<EpisodePage> {
  return call("GET", `${url}?${query(filter, page, size)}`, undefined, signal);
}

/** What a person may correct; null takes a quality or a trim away. */
export interface Change {
  outcome?: Outcome;
  instruction?: string;
  failure?: string;
  quality?: number | null;
  tags?: string[];
  trim_first?: number | null;
  trim_last?: number | null;
  comment?: string;
  flagged?: boolean;
  reviewed?: boolean;
}

export type Changed = { kept: true; now: EpisodeDetail } | { kept: false; now: EpisodeDetail };

/** Changes what a person may correct. When somebody else was first nothing is written and `now` is what stands there. */
export async function change(url: string, version: number, wanted: Change): Promise<Changed> {
  try {
    return { kept: true, now: await call<EpisodeDetail>("PATCH", url, { version, ...wanted }) };
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "stale_version") throw error;
    const current = error.detail.current as Partial<EpisodeDetail> | undefined;
    const now = current?.columns ? (current as EpisodeDetail) : await call<EpisodeDetail>("GET", url);
    return { kept: false, now };
  }
}

export function remove(url: string, version: number): Promise<EpisodeDetail> {
  return call("DELETE", `${url}?version=${version}`);
}

export function restore(url: string): Promise<EpisodeDetail> {
  return call("POST", `${url}/restore`);
}
