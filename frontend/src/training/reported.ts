// What trainings themselves write: lines of metrics, and what they say of steps that were set aside (policies/learning).

/** One line that a training reported. `event` says which kind. */
export interface Line {
  at: number;
  event: string;
  step?: number;
  [name: string]: unknown;
}

export type Box = [number, number, number, number];
export type Point = [number, number];

/** A step that was set aside, and what is so. Places are shares of a picture's width and height. */
export interface Frame {
  episode: string;
  instruction: string;
  cameras: string[];
  subtask: string;
  target: string;
  boxes: Record<string, Box>;
  waypoint: Record<string, Point>;
}

export interface Said {
  subtask: string;
  target: string;
  confidence: number;
  boxes: Record<string, Box>;
  keypoints: Record<string, Point[]>;
  waypoint: Record<string, Point>;
}
