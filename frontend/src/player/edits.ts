// What a person changes, one after the other, and how each change is taken back. Knows nothing of what is changed.

/** One change that was kept. `back` and `again` answer what takes them back in turn, or null where it was not possible. */
export interface Edit {
  words: string;
  back(): Promise<boolean>;
  again(): Promise<boolean>;
}

const MOST = 200;

export class Edits {
  private readonly done: Edit[] = [];
  private readonly undone: Edit[] = [];
  private queue: Promise<unknown> = Promise.resolve();

  /** `onTold` hears what was undone or redone, or that there is nothing. */
  constructor(private readonly onTold: (words: string) => void) {}

  get empty(): boolean {
    return this.done.length === 0;
  }

  /** Runs after everything asked before, so that each change knows the version that the one before it made. */
  next<T>(act: () => Promise<T>): Promise<T> {
    const result = this.queue.then(act);
    this.queue = result.catch(() => undefined);
    return result;
  }

  keep(edit: Edit): void {
    this.done.push(edit);
    if (this.done.length > MOST) this.done.shift();
    this.undone.length = 0;
  }

  undo(): Promise<void> {
    return this.next(() => this.move(this.done, this.undone, "Undone", (edit) => edit.back()));
  }

  redo(): Promise<void> {
    return this.next(() => this.move(this.undone, this.done, "Done again", (edit) => edit.again()));
  }

  private async move(from: Edit[], to: Edit[], word: string, act: (edit: Edit) => Promise<boolean>): Promise<void> {
    const edit = from.pop();
    if (!edit) return this.onTold(word === "Undone" ? "There is nothing to undo." : "There is nothing to do again.");
    if (!(await act(edit))) return;
    to.push(edit);
    this.onTold(`${word}: ${edit.words}`);
  }
}
