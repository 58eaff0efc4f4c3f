// The JSON of datasets, as episodes/schemas/datasets.py gives it. Shapes only.
import type { LibraryRow } from "../episodes/library_shapes";
import type { Outcome } from "../episodes/shapes";

export interface VersionRow {
  dataset: string;
  name: string;
  number: number;
  digest: string;
  parent: number | null;
  reason: string;
  query: string;
  episodes: number;
  rows: number;
  seconds: number;
  frozen_at: string;
  frozen_by: string;
  state: "frozen" | "withdrawn";
  withdrawn_at: string | null;
  withdrawn_reason: string;
}

export interface DatasetRow {
  id: string;
  url: string;
  name: string;
  description: string;
  organisation: string;
  site: string;
  episodes: number;
  seconds: number;
  follows: boolean;
  query: string;
  versions: number;
  newest: VersionRow | null;
  made_at: string;
  made_by: string;
  version: number;
  removed: boolean;
}

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "expired";

export interface Job {
  id: string;
  kind: "export" | "verify";
  state: JobState;
  number: number;
  asked_at: string;
  asked_by: string;
  done: number;
  total: number;
  step: string;
  problem: string;
  result: { bytes?: number; sha256?: string; damaged_files?: number; damages?: { sentence: string }[] };
  ended_at: string | null;
  cancelled_by: string;
  url: string;
  expires_at: string | null;
}

export interface DatasetDetail extends DatasetRow {
  validation_share: number;
  seed: number;
  weights: Record<string, number>;
  added: number;
  taken_out: number;
  outcomes: Record<Outcome, number>;
  unreviewed: number;
  history: VersionRow[];
  jobs: Job[];
  may_curate: boolean;
}

export interface DraftRow extends LibraryRow {
  picked: "" | "added" | "removed";
}

export interface DraftPage {
  items: DraftRow[];
  next: string;
}

export interface Counted {
  name: string;
  episodes: number;
}

export interface Lineage {
  version: VersionRow;
  robots: Counted[];
  people: Counted[];
  splits: Record<string, number>;
  missing: number;
  children: VersionRow[];
  policies: string[];
}

export interface ChangedEpisode {
  id: string;
  number: number;
  instruction: string;
  url: string;
  fields: Record<string, string[]>;
}

export interface ChangedList {
  total: number;
  items: ChangedEpisode[];
}

export interface Changes {
  same: boolean;
  rows_before: number;
  rows_after: number;
  added: ChangedList;
  removed: ChangedList;
  replaced: ChangedList;
  relabelled: ChangedList;
  retrimmed: ChangedList;
  reweighted: ChangedList;
}
