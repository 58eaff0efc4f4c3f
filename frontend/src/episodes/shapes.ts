// The JSON of the episode pages, as episodes/schemas/episodes.py gives it. Shapes only.

export type Outcome = "success" | "failure" | "unlabelled";
export type Status = "received" | "ready" | "warned" | "rejected";

export interface Named {
  id: string;
  name: string;
}

/** Rows first..last, both included, that one pilot drove. */
export interface Stretch {
  first: number;
  last: number;
  pilot: string;
}

export interface EpisodeRow {
  id: string;
  number: number;
  url: string;
  poster: string;
  robot: Named;
  site: Named;
  instruction: string;
  outcome: Outcome;
  failure: string;
  quality: number | null;
  tags: string[];
  trim_first: number | null;
  trim_last: number | null;
  flagged: boolean;
  reviewed: boolean;
  second_look: boolean;
  status: Status;
  playable: boolean;
  check_progress: number;
  found: Record<string, number>;
  problem: string;
  started_at: string;
  seconds: number;
  rows: number;
  record_hz: number;
  cameras: string[];
  people: (Named & { frames: number })[];
  pilots: Record<string, number>;
  band: Stretch[];
  cut: boolean;
  cut_reason: string;
  size_bytes: number;
  version: number;
  removed: boolean;
}

/** Rows first..last, both included; `camera` is empty where it is not about one camera's pictures. */
export interface Finding {
  code: string;
  severity: "warning" | "reject";
  sentence: string;
  camera: string;
  first: number;
  last: number;
}

export interface EpisodePage {
  items: EpisodeRow[];
  total: number;
  page: number;
  page_size: number;
  counts: Record<string, number>;
  robots: Named[];
}

export interface Column {
  kind: string;
  name: string;
  unit: string;
  low: number | null;
  high: number | null;
}

export interface Video {
  camera: string;
  width: number;
  height: number;
  url: string;
}

export interface EpisodeDetail extends EpisodeRow {
  comment: string;
  failures: string[];
  failures_url: string;
  embodiment: string;
  world: Record<string, string>;
  program: string;
  clamp_names: string[];
  pilots_order: string[];
  frames_repeated: Record<string, number>;
  rows_lost: number;
  findings: Finding[];
  scores: Record<string, number>;
  proposed_trim: { first: number; last: number } | null;
  videos: Video[];
  columns: Column[];
  columns_url: string;
  events_url: string;
  newer: string;
  older: string;
  may_change: boolean;
  may_remove: boolean;
  may_curate: boolean;
}

export interface EpisodeEvent {
  row: number;
  time_s: number;
  event: string;
  actor: string;
  reason: string;
  before: string;
  after: string;
}
