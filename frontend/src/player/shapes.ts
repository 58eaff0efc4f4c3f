// The JSON of reviewing, as episodes/schemas/review.py gives it. Shapes only.
import type { Outcome } from "../episodes/shapes";

export interface ReviewShown {
  person: string;
  me: boolean;
  outcome: Outcome;
  failure: string;
  quality: number | null;
  blind: boolean;
  at: string;
}

export interface AgreementShown {
  person: string;
  agreed: number;
  both: number;
  kappa: number | null;
}

export interface Reviews {
  asked_by: string;
  reviews: ReviewShown[];
  agreements: AgreementShown[];
}

export interface NextReview {
  url: string;
  id: string;
  left: number;
}

export interface Beside {
  newer: string;
  older: string;
  after: string;
}

export interface MarkShown {
  id: number;
  row: number;
  camera: string;
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  person: string;
  version: number;
}

export interface InstructionShown {
  number: number;
  text: string;
  person: string;
  at: string | null;
}

export interface Kinds {
  kinds: string[];
  version: number;
}
