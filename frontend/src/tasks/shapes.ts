// The JSON of tasks, runs and help, as dispatch/schemas.py says it.
import type { Embodiment } from "../generated/protocol";

export interface Named {
  id: string;
  name: string;
}

/** Characters first..last (not included) of the sentence. */
export interface Part {
  first: number;
  last: number;
  kind: "skill" | "object" | "place";
  name: string;
}

export type Phase = "ordered" | "starting" | "moving" | "holding" | "taken" | "ended";
export type Result = "" | "success" | "failure" | "cancelled" | "interrupted" | "refused";
export type TaskState = "running" | "done" | "failed" | "cancelled";

export interface RunRow {
  id: string;
  url: string;
  number: number;
  sentence: string;
  robot: Named;
  policy: Named;
  phase: Phase;
  reason: string;
  explanation: string;
  result: Result;
  judge: "" | "world" | "person";
  seconds: number;
  chunks: number;
  started_at: string;
  started_by: string;
  ended_at: string | null;
  waits: string;
  help: string;
}

export interface TaskRow {
  id: string;
  number: number;
  sentence: string;
  skill: string;
  target: string;
  parts: Part[];
  state: TaskState;
  site: string;
  made_by: string;
  made_at: string;
  version: number;
  runs: RunRow[];
}

export interface TaskPage {
  items: TaskRow[];
  may_start: boolean;
  next: string;
}

export interface PolicyChoice {
  id: string;
  name: string;
  stage: string;
  skills: string[];
  things: string[];
  kinds: string[];
  limit: boolean;
  organisation: number;
  runs: number;
  successes: number;
  why_not: string;
}

export interface RobotChoice {
  id: string;
  name: string;
  site: string;
  organisation: number;
  kind: string;
  why_not: string;
  snapshot: string;
}

export interface Choices {
  policies: PolicyChoice[];
  robots: RobotChoice[];
}

export interface Verdict {
  skill: string;
  target: string;
  parts: Part[];
  refusal: { code: string; sentence: string; candidates: string[] } | null;
}

export type Box = [number, number, number, number];

export interface Reasoning {
  subtask: string;
  target?: {
    name: string;
    confidence: number;
    boxes?: Record<string, Box | null>;
    position_m?: [number, number, number] | null;
  } | null;
  waypoint_m?: [number, number, number] | null;
  keypoints?: Record<string, [number, number][]>;
}

/** One line of the trace: a robot's report, without what says nothing. */
export interface Line {
  heard_ns: number;
  n: number;
  time_ns: number;
  phase: Phase;
  reason?: string;
  sentence?: string;
  result?: Result;
  judge?: string;
  seconds?: number;
  step?: number;
  chunk?: number;
  delay_ms?: number;
  doubt?: number;
  limit?: number;
  seam?: number;
  clamps?: string[];
  tool_m?: [number, number, number];
  reasoning?: Reasoning;
  episode?: string;
}

export interface EpisodeOf {
  id: string;
  url: string;
  number: number;
  status: string;
  pilots: Record<string, number>;
  columns_url: string;
  videos: { camera: string; width: number; height: number; url: string }[];
  started_ns: string;
  seconds: number;
  may_curate: boolean;
}

export interface RunDetail extends RunRow {
  task: Named;
  version: number;
  order: "" | "start" | "resume" | "end";
  fence: number;
  parts: Part[];
  cameras: Record<string, [number, number]>;
  embodiment: Embodiment;
  episode: EpisodeOf | null;
  episode_id: string;
  may_run: boolean;
  may_drive: boolean;
  cockpit: string;
  newest: Line | null;
  trace_bytes: number;
}

export type HelpState = "open" | "taken" | "answered" | "ended";

export interface HelpRow {
  id: string;
  url: string;
  state: HelpState;
  reason: string;
  explanation: string;
  doubt: number | null;
  limit: number | null;
  waiting_s: number;
  answer: string;
  taken_by: string;
  mine: boolean;
  closed_at: string | null;
  took_s: number | null;
  pictures: number;
  version: number;
  urgency: number;
  run: RunRow;
  cockpit: string;
  may_run: boolean;
  may_drive: boolean;
}

export interface HelpQueue {
  open: HelpRow[];
  closed: HelpRow[];
  closed_today: number;
}

export interface HelpDetail extends HelpRow {
  reasoning: Reasoning | null;
  candidates: string[];
  needless: boolean | null;
  detail: RunDetail;
}

export interface Waiting {
  count: number;
  robots: { robot: string; request: string; reason: string; waiting_s: number; taken_by: string }[];
}
