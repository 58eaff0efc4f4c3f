// What the page of one dataset asks of the server. One function each; refusals come through as `Refused`.
import type { Changes, DatasetDetail, DraftPage, Job, Lineage, VersionRow } from "../datasets/shapes";
import { call } from "../http";
import type { Statistics } from "./statistics_shapes";

export interface Wish {
  name?: string;
  description?: string;
  follows?: boolean;
  query?: string;
  validation_share?: number;
  seed?: number;
  weights?: Record<string, number>;
}

export class Store {
  constructor(private readonly url: string) {}

  one(signal?: AbortSignal): Promise<DatasetDetail> {
    return call("GET", this.url, undefined, signal);
  }

  change(version: number, wish: Wish): Promise<DatasetDetail> {
    return call("PATCH", this.url, { version, ...wish });
  }

  draft(after: string, takenOut: boolean, signal?: AbortSignal): Promise<DraftPage> {
    const query = new URLSearchParams({ after, ...(takenOut ? { taken_out: "true" } : {}) });
    return call("GET", `${this.url}/draft?${query}`, undefined, signal);
  }

  pick(picks: Record<string, string>): Promise<{ episodes: number; undo: Record<string, string> }> {
    return call("POST", `${this.url}/picks`, { picks });
  }

  freeze(version: number, reason: string): Promise<VersionRow> {
    return call("POST", `${this.url}/versions`, { version, reason });
  }

  lineage(number: number, signal?: AbortSignal): Promise<Lineage> {
    return call("GET", `${this.url}/versions/${number}`, undefined, signal);
  }

  changes(before: string, after: string, signal?: AbortSignal): Promise<Changes> {
    return call("GET", `${this.url}/changes?before=${before}&after=${after}`, undefined, signal);
  }

  statistics(of: string, signal?: AbortSignal): Promise<Statistics> {
    return call("GET", `${this.url}/statistics?of=${of}`, undefined, signal);
  }

  begin(number: number, kind: Job["kind"]): Promise<Job> {
    return call("POST", `${this.url}/versions/${number}/jobs`, { kind });
  }

  jobs(signal?: AbortSignal): Promise<Job[]> {
    return call("GET", `${this.url}/jobs`, undefined, signal);
  }

  cancel(job: string): Promise<Job> {
    return call("POST", `${this.url}/jobs/${job}/cancel`);
  }
}
