// Looks for news of the list while the page is seen: what is being checked, and what came since.
import { Refused } from "../http";
import type { LibraryRow } from "./library_shapes";

const CHECKING_MS = 3000;
const NEWS_MS = 5000;

export interface Watched {
  readonly items: readonly LibraryRow[];
  /** Id of the first episode of the list as the server has it now. */
  first(): Promise<string>;
  changed(): Promise<void>;
}

export class Watch {
  private timer = 0;

  constructor(private readonly list: Watched) {}

  stop(): void {
    window.clearTimeout(this.timer);
  }

  /** To be called whenever the list was loaded. */
  start(): void {
    this.stop();
    const checking = this.list.items.some((one) => one.status === "received");
    this.timer = window.setTimeout(() => void this.look(checking), checking ? CHECKING_MS : NEWS_MS);
  }

  private async look(checking: boolean): Promise<void> {
    if (document.hidden) return this.start();
    try {
      if (checking || (await this.list.first()) !== (this.list.items[0]?.id ?? "")) await this.list.changed();
      else this.start();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return; // the list is being loaded already
      if (!(error instanceof Refused)) throw error;
      this.start();
    }
  }
}
