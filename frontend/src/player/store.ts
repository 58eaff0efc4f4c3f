// What the player asks of the review API. One function each; refusals come through as `Refused`.
import type { EpisodeDetail } from "../episodes/shapes";
import { call } from "../http";
import type { InstructionShown, Kinds, MarkShown, NextReview, Reviews } from "./shapes";

export function reviews(episode: string, signal?: AbortSignal): Promise<Reviews> {
  return call("GET", `${episode}/reviews`, undefined, signal);
}

/** A label given without seeing the first. */
export interface Draft {
  outcome: "success" | "failure";
  failure: string;
  quality: number | null;
}

export function secondLook(episode: string, version: number, label: Draft): Promise<EpisodeDetail> {
  return call("POST", `${episode}/reviews`, { version, ...label });
}

/** `filter` is the query of the list that the person works through. */
export function nextToReview(after: string, filter: string): Promise<NextReview> {
  const query = new URLSearchParams(filter);
  query.set("after", after);
  return call("GET", `/api/reviews/next?${query}`);
}

export function instructions(episode: string): Promise<InstructionShown[]> {
  return call("GET", `${episode}/instructions`);
}

// -- marks of objects in the picture

export type MarkPlace = Pick<MarkShown, "row" | "camera" | "name" | "x" | "y" | "width" | "height">;

export function marks(episode: string, signal?: AbortSignal): Promise<MarkShown[]> {
  return call("GET", `${episode}/marks`, undefined, signal);
}

export function addMark(episode: string, mark: MarkPlace): Promise<MarkShown> {
  return call("POST", `${episode}/marks`, mark);
}

export function renameMark(episode: string, mark: MarkShown, name: string): Promise<MarkShown> {
  return call("PATCH", `${episode}/marks/${mark.id}`, { version: mark.version, name });
}

export function removeMark(episode: string, mark: number): Promise<void> {
  return call("DELETE", `${episode}/marks/${mark}`);
}

// -- kinds of failure

export function kinds(url: string): Promise<Kinds> {
  return call("GET", url);
}

export function changeKinds(url: string, version: number, kinds: { name: string; was: string }[]): Promise<Kinds> {
  return call("PUT", url, { version, kinds });
}
