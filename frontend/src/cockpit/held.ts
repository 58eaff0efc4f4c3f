// Which keys a person holds down now. After a blur nothing is held until it is pressed anew: a key that repeats does not count.

export class HeldKeys {
  private readonly codes = new Set<string>();

  /** True when this is a new press. */
  down(code: string, repeat: boolean): boolean {
    if (repeat || this.codes.has(code)) return false;
    this.codes.add(code);
    return true;
  }

  up(code: string): void {
    this.codes.delete(code);
  }

  /** Focus is gone, or control changed: all fingers count as lifted. */
  forget(): void {
    this.codes.clear();
  }

  has(code: string): boolean {
    return this.codes.has(code);
  }

  get all(): ReadonlySet<string> {
    return this.codes;
  }
}
