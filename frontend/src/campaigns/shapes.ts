// The JSON of campaigns, as episodes/schemas/campaigns.py gives it. Shapes only.
import type { Named } from "../episodes/shapes";

export type CampaignState = "draft" | "open" | "paused" | "done" | "closed";

export interface CampaignRow {
  id: string;
  url: string;
  name: string;
  site: Named;
  robots: Named[];
  state: CampaignState;
  due: string | null;
  countdown_s: number;
  reset_s: number;
  only_success: boolean;
  version: number;
  goal: number;
  have: number;
  per_day: number;
  done_at: string | null;
  late: boolean | null;
  may_plan: boolean;
}

export interface CampaignPromptRow {
  id: string;
  instruction: string;
  reset: string;
  goal: number;
  have: number;
  coming: number;
}

export interface CampaignCell {
  prompt: string;
  robot: Named;
  person: Named;
  have: number;
}

export interface CampaignSeatRow {
  robot: Named;
  person: Named;
  prompt: string;
}

export interface CampaignDetail extends CampaignRow {
  prompts: CampaignPromptRow[];
  cells: CampaignCell[];
  seats: CampaignSeatRow[];
  failures: number;
  removed: number;
  refused: number;
}

export interface CampaignSite {
  id: string;
  name: string;
  robots: Named[];
}

export interface CampaignPage {
  items: CampaignRow[];
  sites: CampaignSite[];
}

export interface CampaignTurn {
  id: string;
  name: string;
  state: CampaignState;
  due: string | null;
  countdown_s: number;
  reset_s: number;
  prompt: string | null;
  prompts: CampaignPromptRow[];
  goal: number;
  have: number;
  coming: number;
  arrived: string[];
}
