// The JSON of a dataset's statistics. Shapes only.

export interface Distribution {
  name: string;
  unit: string;
  low: number;
  high: number;
  counts: number[];
  mean: number;
  sd: number;
  min: number;
  max: number;
}

export interface CameraNumbers {
  name: string;
  episodes: number;
  brightness: number[];
  contrast: number[];
  mean_brightness: number;
  mean_contrast: number;
  mean_sharpness: number;
}

export interface Coverage {
  low: [number, number];
  high: [number, number];
  cell_m: number;
  cells: number[][];
  closings: [number, number][];
  episodes: number;
  reached: number;
}

export interface Named {
  id: string;
  number: number;
  url: string;
}

export interface Statistics {
  digest: string;
  episodes: number;
  rows: number;
  seconds: number;
  embodiment: string;
  outcomes: Record<string, number>;
  qualities: Record<string, number>;
  splits: Record<string, number>;
  lengths: { most: number; counts: number[] };
  tasks: { name: string; episodes: number; seconds: number }[];
  sampled: number;
  state: Distribution[];
  action: Distribution[];
  cameras: CameraNumbers[];
  coverage: Coverage | null;
  near_duplicates: { first: Named; second: Named; apart: number }[];
  flagged_duplicates: number;
}
