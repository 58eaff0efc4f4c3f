// Working through episodes one after the other: which is next, how many are left, the second look that is given blind.
import type { EpisodeDetail } from "../episodes/shapes";
import { say } from "../live_region";
import { toast } from "../toast";
import type { Edits } from "./edits";
import type { Labelling } from "./labelling";
import type { Neighbours } from "./neighbours";
import { nextToReview, secondLook } from "./store";

const KEPT = "reins.reviewing";

interface Host {
  readonly episode: EpisodeDetail | null;
  readonly neighbours: Neighbours;
  readonly labelling: Labelling;
  readonly edits: Edits;
  known(id: string): EpisodeDetail | null;
  address(id: string): string;
  take(now: EpisodeDetail): void;
  refused(error: unknown, strong: string): void;
  visit(id: string): void;
  drawReviewing(): void;
}

export class Reviewing {
  on = false;
  /** Episodes to review beside the one on the screen; null while that is not known. */
  left: number | null = null;
  private going = false;

  constructor(private readonly host: Host) {}

  begin(asked: boolean): void {
    this.on = asked || window.sessionStorage.getItem(KEPT) === "1";
    if (asked) window.sessionStorage.setItem(KEPT, "1");
  }

  toggle(): void {
    this.on = !this.on;
    if (this.on) window.sessionStorage.setItem(KEPT, "1");
    else window.sessionStorage.removeItem(KEPT);
    say(this.on ? "Reviewing one after the other. Enter goes on." : "No longer reviewing one after the other.");
    this.host.drawReviewing();
    this.opened();
  }

  /** Another episode is on the screen: how many are left now? */
  opened(): void {
    const { episode } = this.host;
    if (this.on && episode) void this.count(episode.id);
  }

  /** Enter: gives the second look, or keeps the label and opens the next. `skip` leaves the label as it is. */
  async enter(skip: boolean): Promise<void> {
    const { episode, labelling } = this.host;
    if (!episode || this.going) return;
    this.going = true;
    try {
      if (episode.second_look && !skip) return await this.give(episode.id);
      if (!this.on) return;
      const mine = episode.may_change && !episode.removed && !skip;
      if (mine && !(await this.settled(labelling, episode.id))) return;
      if (this.host.episode?.id === episode.id) await this.next(episode.id);
    } finally {
      this.going = false;
    }
  }

  /** Gives the second look, after every change that is still on its way; what the first said is shown then. */
  private give(id: string): Promise<void> {
    const draft = this.host.labelling.wholeDraft;
    if (!draft) return Promise.resolve(this.askFor());
    return this.host.edits.next(async () => {
      const episode = this.host.known(id);
      if (!episode?.second_look) return;
      try {
        const now = await secondLook(this.host.address(id), episode.version, draft);
        const shown = this.host.episode?.id === id;
        if (shown) this.host.labelling.reset();
        this.host.take(now);
        say(shown ? "Your label is kept. Now you see the first one." : "Your label is kept.");
      } catch (error) {
        this.host.refused(error, "Not kept.");
      }
    });
  }

  private async settled(labelling: Labelling, id: string): Promise<boolean> {
    if (!(await labelling.confirm())) return false;
    if (this.host.known(id)?.outcome !== "unlabelled") return true;
    this.askFor();
    return false;
  }

  private askFor(): void {
    toast("Y for success, X for failure. Shift+Enter leaves it for later.", {
      kind: "warn",
      strong: "How did it end?",
    });
  }

  private async next(after: string): Promise<void> {
    try {
      const found = await nextToReview(after, this.host.neighbours.filter.toString());
      if (found.id) this.host.visit(found.id);
      else toast("Nothing is left to review.", { strong: "Done." });
    } catch (error) {
      this.host.refused(error, "The next one is not known.");
    }
  }

  private async count(after: string): Promise<void> {
    try {
      this.left = (await nextToReview(after, this.host.neighbours.filter.toString())).left;
      this.host.drawReviewing();
    } catch (error) {
      this.host.refused(error, "What is left is not known.");
    }
  }
}
