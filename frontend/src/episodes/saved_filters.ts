// The menu of filters that a person keeps: keep one under a name, forget one with undo. The filter itself is the page's address.
import { Refused } from "../http";
import { toast } from "../toast";
import { savedMenu } from "./facets";
import type { Saved } from "./library_shapes";
import * as store from "./library_store";

export class SavedFilters {
  private saved: Saved[] = [];

  constructor(
    private readonly root: HTMLElement,
    signal: AbortSignal,
  ) {
    this.root.innerHTML = savedMenu([]);
    void this.show(() => store.saved(signal), "Not loaded.");
  }

  async keep(filter: URLSearchParams): Promise<void> {
    const name = window.prompt("Keep these filters under which name?")?.trim();
    if (!name) return;
    const kept = await this.show(() => store.save(name, filter.toString()), "Not kept.");
    if (kept) toast(`Kept as “${name}”.`);
  }

  async forget(id: string): Promise<void> {
    const gone = this.saved.find((one) => one.id === id);
    const done = await this.show(() => store.forget(id), "Not forgotten.");
    if (!gone || !done) return;
    const back = (): void => void this.show(() => store.save(gone.name, gone.query), "Not brought back.");
    toast(`“${gone.name}” forgotten.`, { action: { label: "Undo", key: "U", run: back } });
  }

  private async show(ask: () => Promise<Saved[]>, strong: string): Promise<boolean> {
    try {
      this.saved = await ask();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return false;
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong });
      return false;
    }
    this.root.innerHTML = savedMenu(this.saved);
    return true;
  }
}

export async function copyLink(): Promise<void> {
  await navigator.clipboard.writeText(window.location.href);
  toast("The link to these filters is copied.");
}
