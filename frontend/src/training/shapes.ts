// What the server tells of trainings (policies/schemas/trainings.py).

import type { Frame, Said } from "./reported";

export type State = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Made {
  id: string;
  shown: string;
  url: string;
  stage: string;
}

export interface TrainingRow {
  id: string;
  url: string;
  name: string;
  state: State;
  organisation: string;
  dataset: string;
  dataset_url: string;
  episodes: number;
  base: Made | null;
  recipe: string;
  step: number;
  total: number;
  doing: string;
  waits: string;
  place: number;
  remaining: { seconds: number; basis: number } | null;
  asked_by: string;
  asked_at: string;
  began_at: string | null;
  ended_at: string | null;
  heard_s: number | null;
  problem: string;
  problem_code: string;
  next_action: string;
  cancelled_by: string;
  made: Made | null;
  held_out: number | null;
  may_cancel: boolean;
}

export interface TrainingDetail extends TrainingRow {
  dataset_digest: string;
  config: Record<string, unknown>;
  seed: number;
  code_version: string;
  machine: Record<string, string | number>;
  resumed: number;
  figures: Record<string, number>;
  compared: Made[];
}

export interface Samples {
  frames: Frame[];
  said: { step: number; said: Said[] }[];
}

export interface Choices {
  versions: { dataset: string; version: number; shown: string; episodes: number }[];
  bases: { id: string; shown: string; stage: string }[];
  recipes: {
    name: string;
    purpose: string;
    needs_base: boolean;
    head: string;
    learn: Record<string, number | string>;
  }[];
}
