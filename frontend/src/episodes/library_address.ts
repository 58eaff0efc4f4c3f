// What the library's address says: the filter, the order, the view. Pure.
import { SORTS, type Sort } from "./library_store";
import { canonical } from "./query";

export interface Place {
  filter: URLSearchParams;
  sort: Sort;
  view: "grid" | "list";
}

export function placeOf(search: string): Place {
  const given = new URLSearchParams(search);
  const sort = SORTS.find((one) => one === given.get("sort")) ?? "newest";
  return { filter: canonical(given), sort, view: given.get("view") === "list" ? "list" : "grid" };
}

/** The query of a place, "" where all is as it is without one. */
export function searchOf(place: Place): string {
  const query = new URLSearchParams(place.filter);
  if (place.sort !== "newest") query.set("sort", place.sort);
  if (place.view === "list") query.set("view", "list");
  return query.size > 0 ? `?${query}` : "";
}
