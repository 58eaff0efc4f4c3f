// The marks of one episode: loaded, added, removed, each undoable. Where they are drawn is not here.
import type { EpisodeDetail } from "../episodes/shapes";
import { say } from "../live_region";
import type { Edits } from "./edits";
import type { MarkShown } from "./shapes";
import { addMark, type MarkPlace, marks, removeMark } from "./store";

interface Host {
  readonly episode: EpisodeDetail | null;
  readonly edits: Edits;
  address(id: string): string;
  refused(error: unknown, strong: string): void;
  drawSide(): void;
}

export class Objects {
  marks: MarkShown[] = [];
  lastName = "";

  constructor(private readonly host: Host) {}

  reset(): void {
    this.marks = [];
  }

  async load(signal: AbortSignal): Promise<void> {
    const id = this.host.episode?.id ?? "";
    try {
      const found = await marks(this.host.address(id), signal);
      if (this.host.episode?.id === id) this.marks = found;
      this.host.drawSide();
    } catch (error) {
      this.host.refused(error, "The marks could not be read.");
    }
  }

  add(place: MarkPlace): Promise<boolean> {
    const { episode } = this.host;
    this.lastName = place.name;
    return this.host.edits.next(async () => {
      if (!episode) return false;
      const made = { id: 0 };
      const again = (): Promise<boolean> => this.put(episode.id, place, made);
      const back = (): Promise<boolean> => this.away(episode.id, made.id);
      if (!(await again())) return false;
      this.host.edits.keep({ words: `Mark ${place.name}.`, back, again });
      say(`Marked ${place.name}.`);
      return true;
    });
  }

  remove(id: number): Promise<boolean> {
    const { episode } = this.host;
    const mark = this.marks.find((one) => one.id === id);
    return this.host.edits.next(async () => {
      if (!episode || !mark) return false;
      if (this.host.episode?.id === episode.id && !this.marks.some((one) => one.id === id)) return false;
      const { row, camera, name, x, y, width, height } = mark;
      const made = { id };
      const again = (): Promise<boolean> => this.away(episode.id, made.id);
      const back = (): Promise<boolean> => this.put(episode.id, { row, camera, name, x, y, width, height }, made);
      if (!(await again())) return false;
      this.host.edits.keep({ words: `Mark ${name} removed.`, back, again });
      return true;
    });
  }

  private async put(episode: string, place: MarkPlace, made: { id: number }): Promise<boolean> {
    try {
      const mark = await addMark(this.host.address(episode), place);
      made.id = mark.id;
      this.shown(
        episode,
        [...this.marks, mark].sort((a, b) => a.row - b.row || a.id - b.id),
      );
      return true;
    } catch (error) {
      this.host.refused(error, "Not marked.");
      return false;
    }
  }

  private async away(episode: string, id: number): Promise<boolean> {
    try {
      await removeMark(this.host.address(episode), id);
      this.shown(
        episode,
        this.marks.filter((one) => one.id !== id),
      );
      return true;
    } catch (error) {
      this.host.refused(error, "Not removed.");
      return false;
    }
  }

  private shown(episode: string, marks: MarkShown[]): void {
    if (this.host.episode?.id !== episode) return;
    this.marks = marks;
    this.host.drawSide();
  }
}
