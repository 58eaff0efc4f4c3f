// What the pages ask of the campaign API. One function each; refusals come through as `Refused`.
import { call } from "../http";
import type { CampaignDetail, CampaignPage } from "./shapes";

export interface PromptWish {
  id: string;
  instruction: string;
  reset: string;
  goal: number;
}

export interface Plan {
  name: string;
  due: string | null;
  countdown_s: number;
  reset_s: number;
  only_success: boolean;
  robots: string[];
  prompts: PromptWish[];
}

export type Wish = "open" | "paused" | "closed";

export function list(url: string, signal: AbortSignal): Promise<CampaignPage> {
  return call("GET", url, undefined, signal);
}

export function one(url: string, signal?: AbortSignal): Promise<CampaignDetail> {
  return call("GET", url, undefined, signal);
}

export function make(url: string, site: number, plan: Plan): Promise<CampaignDetail> {
  return call("POST", url, { site, ...plan });
}

export function change(url: string, version: number, plan: Plan): Promise<CampaignDetail> {
  return call("PATCH", url, { version, ...plan });
}

export function move(url: string, version: number, state: Wish): Promise<CampaignDetail> {
  return call("POST", `${url}/state`, { version, state });
}
