// What the library page asks of the server. One function each; refusals come through as `Refused`.
import { call } from "../http";
import type { Choices, Counts, Group, Labelled, LibraryPage, Saved } from "./library_shapes";
import type { Outcome } from "./shapes";

export type By = "task" | "person" | "robot" | "mix";
export const SORTS = ["newest", "oldest", "longest", "shortest"] as const;
export type Sort = (typeof SORTS)[number];

const URL_ = "/api/library";

function address(part: string, filter: URLSearchParams, more: Record<string, string> = {}): string {
  const query = new URLSearchParams([...filter, ...Object.entries(more)]).toString();
  return `${URL_}${part}${query ? `?${query}` : ""}`;
}

export function page(
  filter: URLSearchParams,
  sort: Sort,
  after: string,
  size: number,
  signal?: AbortSignal,
): Promise<LibraryPage> {
  return call("GET", address("", filter, { sort, after, size: String(size) }), undefined, signal);
}

export function counts(filter: URLSearchParams, signal?: AbortSignal): Promise<Counts> {
  return call("GET", address("/counts", filter), undefined, signal);
}

export function groups(filter: URLSearchParams, by: By, signal?: AbortSignal): Promise<Group[]> {
  return call("GET", address("/groups", filter, { by }), undefined, signal);
}

export function choices(signal?: AbortSignal): Promise<Choices> {
  return call("GET", `${URL_}/choices`, undefined, signal);
}

export async function allIds(filter: URLSearchParams, signal?: AbortSignal): Promise<string[]> {
  return (await call<{ ids: string[] }>("GET", address("/ids", filter), undefined, signal)).ids;
}

export interface LabelWish {
  outcome?: Outcome;
  failure?: string;
  quality?: number;
  add_tags?: string[];
  remove_tags?: string[];
}

export function label(ids: string[], wish: LabelWish): Promise<Labelled> {
  return call("POST", `${URL_}/label`, { ids, ...wish });
}

export function undo(id: string): Promise<Labelled> {
  return call("POST", `${URL_}/undo`, { undo: id });
}

export function saved(signal?: AbortSignal): Promise<Saved[]> {
  return call("GET", `${URL_}/filters`, undefined, signal);
}

export function save(name: string, query: string): Promise<Saved[]> {
  return call("POST", `${URL_}/filters`, { name, query });
}

export function forget(id: string): Promise<Saved[]> {
  return call("DELETE", `${URL_}/filters/${id}`);
}

export interface Picked {
  picked: number;
  episodes: number;
  undo: Record<string, string>;
}

export function pick(dataset: string, picks: Record<string, string>): Promise<Picked> {
  return call("POST", `/api/datasets/${dataset}/picks`, { picks });
}

export function makeDataset(name: string): Promise<{ id: string; name: string; url: string }> {
  return call("POST", "/api/datasets", { name });
}
