// What a policy says of itself, in its card.json (policies/learning/folder.py).

export interface Card {
  kind: string;
  skills: string[];
  instructions: string[];
  objects: string[];
  data: Record<string, unknown>;
  training: Record<string, unknown>;
  figures: Record<string, unknown>;
  limits: string[];
  licence: string;
}
