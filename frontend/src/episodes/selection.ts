// Which of a list are chosen: one by one, by a stretch from the last one, or all. Knows ids and their order, no elements.

export class Selection {
  private readonly chosen = new Set<string>();
  private anchor = "";

  get size(): number {
    return this.chosen.size;
  }

  get ids(): string[] {
    return [...this.chosen];
  }

  has(id: string): boolean {
    return this.chosen.has(id);
  }

  toggle(id: string): void {
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.anchor = id;
  }

  /** Everything between the one last touched and `id`, both included, in the order of `order`. */
  extend(id: string, order: readonly string[]): void {
    const [from, to] = [order.indexOf(this.anchor), order.indexOf(id)];
    if (from < 0 || to < 0) {
      this.toggle(id);
      return;
    }
    for (const one of order.slice(Math.min(from, to), Math.max(from, to) + 1)) this.chosen.add(one);
  }

  all(ids: readonly string[]): void {
    for (const id of ids) this.chosen.add(id);
  }

  clear(): void {
    this.chosen.clear();
    this.anchor = "";
  }
}
