// What the address of a player says: which episode, which frame, and the library's filter that goes with it. Pure.

export interface Place {
  /** Row to begin at; 0 when the address names none. */
  frame: number;
  filter: URLSearchParams;
  reviewing: boolean;
}

/** `#f=984` or `?frame=984` name a row; `?review=1` begins to review; all else of the query is the library's filter. */
export function placeOf(search: string, hash: string): Place {
  const filter = new URLSearchParams(search);
  const named = new URLSearchParams(hash.replace(/^#/, "")).get("f") ?? filter.get("frame") ?? "";
  const reviewing = filter.get("review") === "1";
  for (const own of ["frame", "review", "page", "page_size"]) filter.delete(own);
  return { frame: /^\d{1,9}$/.test(named) ? Number(named) : 0, filter, reviewing };
}

/** The page of an episode with the same filter; the frame is left out at the beginning. */
export function pageOf(episode: string, filter: URLSearchParams, frame = 0): string {
  const query = filter.size > 0 ? `?${filter}` : "";
  return `/episodes/${episode}/${query}${frame > 0 ? `#f=${frame}` : ""}`;
}

/** Id of the episode in a page's path, "" for another page. */
export function episodeOf(path: string): string {
  return /\/episodes\/([^/]+)\/?$/.exec(path)?.[1] ?? "";
}
