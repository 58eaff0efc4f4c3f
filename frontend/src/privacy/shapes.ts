// What the server says about data and privacy; see episodes/schemas/lifecycle.py.

export const KINDS = ["success", "failure", "unlabelled", "unreviewed", "rejected", "removed"] as const;
export type Kind = (typeof KINDS)[number];

export interface Rule {
  kind: Kind;
  days: number;
  frozen: boolean;
}

export interface Forecast extends Rule {
  episodes: number;
  size_bytes: number;
  kept: number;
}

export interface SiteRules {
  id: number;
  name: string;
  rules: Rule[];
  grace_days: number;
  version: number;
  forecast: Forecast[];
  waiting: number;
}

export interface Erasure {
  id: string;
  state: "asked" | "running" | "done";
  reason: string;
  asked_by: string;
  asked_at: string;
  ended_at: string | null;
  episodes: number;
  done: number;
}

export interface Holding {
  id: number;
  name: string;
  used_bytes: number;
  quota_bytes: number;
  free_bytes: number;
  sites: SiteRules[];
  robots: { id: string; name: string; masked: string[] }[];
  people: { uid: string; name: string; episodes: number }[];
  erasures: Erasure[];
}

export interface ErasurePreview {
  name: string;
  episodes: number;
  size_bytes: number;
  seconds: number;
  versions: { dataset: string; number: number; state: string }[];
  users: { kind: string; id: string; name: string }[];
}
