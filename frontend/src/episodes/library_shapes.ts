// The JSON of the library, as episodes/schemas/catalogue.py gives it. Shapes only.
import type { EpisodeRow, Named, Outcome } from "./shapes";

export interface LibraryRow extends EpisodeRow {
  task: string;
  strip: string;
}

export interface LibraryPage {
  items: LibraryRow[];
  next: string;
  query: string;
}

export interface Counts {
  episodes: number;
  seconds: number;
  reviewed: number;
  outcomes: Record<Outcome, number>;
}

export interface Group {
  value: string;
  label: string;
  episodes: number;
  success: number;
  failure: number;
  seconds: number;
}

export interface DatasetChoice {
  id: string;
  name: string;
  versions: number[];
}

export interface Choices {
  sites: Named[];
  robots: Named[];
  people: Named[];
  campaigns: Named[];
  tasks: string[];
  failures: string[];
  mixes: string[];
  findings: string[];
  tags: string[];
  datasets: DatasetChoice[];
  may_label: boolean;
  may_curate: boolean;
}

export interface Labelled {
  changed: string[];
  skipped: { id: string; sentence: string }[];
  undo: string;
}

export interface Saved {
  id: string;
  name: string;
  query: string;
}
