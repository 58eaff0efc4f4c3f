// What the server tells of policies (policies/schemas/policies.py).

import type { Card } from "./card";

export const STAGES = ["candidate", "shadow", "canary", "production", "retired"] as const;
export type Stage = (typeof STAGES)[number];

export interface PolicyRow {
  id: string;
  url: string;
  shown: string;
  name: string;
  number: number;
  stage: Stage;
  organisation: string;
  skills: string[];
  things: string[];
  robots: string[];
  parameters: number;
  size_bytes: number;
  made_at: string;
  made_by: string;
  base: string;
  dataset: string;
  calibrated: boolean;
  withdrawn_reason: string;
}

export interface Step {
  kind: "dataset" | "training" | "policy" | "base" | "child";
  title: string;
  about: string;
  url: string;
  at: string | null;
}

export interface PolicyDetail extends PolicyRow {
  version: number;
  sha256: string;
  card: Card;
  model: Record<string, unknown>;
  calibration: Record<string, unknown>;
  cameras: Record<string, Record<string, [number, number]>>;
  lineage: Step[];
  files: { name: string; bytes: number; sha256: string }[];
  history: { at: string; who: string; what: string }[];
  next_stages: Stage[];
  warnings: string[];
  export_url: string; // "" for whoever may not take its weights away
  may_change: boolean;
}
