// Pictures of the list: the newest once a second for robots in view, decoded before they are shown, so that nothing flickers.
// Each picture has an address of its own, so an address that is already shown is not asked for again.

export const EVERY_MS = 1000;

export interface Wanted {
  id: string;
  address: string;
}

export class Snapshots {
  private readonly shown = new Map<string, { address: string; url: string }>();
  private readonly busy = new Set<string>();
  private timer = 0;

  /** `wanted` names the robots in view with their addresses; `targets` are the images of one robot. */
  constructor(
    private readonly wanted: () => Wanted[],
    private readonly targets: (id: string) => HTMLImageElement[],
  ) {}

  start(): void {
    this.round();
    this.timer = window.setInterval(() => this.round(), EVERY_MS);
  }

  stop(): void {
    window.clearInterval(this.timer);
    for (const { url } of this.shown.values()) URL.revokeObjectURL(url);
    this.shown.clear();
  }

  /** Asks for the pictures now, as when the first rows arrive. */
  round(): void {
    if (document.hidden) return;
    for (const { id, address } of this.wanted()) {
      if (!address || this.busy.has(id) || this.shown.get(id)?.address === address) continue;
      void this.refresh(id, address);
    }
  }

  /** Gives a new image of a robot the picture that its other images show. */
  adopt(id: string, image: HTMLImageElement): void {
    const shown = this.shown.get(id);
    if (shown) show(image, shown.url);
  }

  private async refresh(id: string, address: string): Promise<void> {
    this.busy.add(id);
    try {
      const answer = await fetch(address, { headers: { Accept: "image/jpeg" } });
      if (answer.ok) await this.replace(id, address, await answer.blob());
    } catch (error) {
      // The list's own banner says that the server is lost; a picture simply stays as old as it is.
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    } finally {
      this.busy.delete(id);
    }
  }

  private async replace(id: string, address: string, picture: Blob): Promise<void> {
    const url = URL.createObjectURL(picture);
    const probe = new Image();
    probe.src = url;
    await probe.decode();
    const before = this.shown.get(id);
    this.shown.set(id, { address, url });
    for (const image of this.targets(id)) show(image, url);
    if (before) window.setTimeout(() => URL.revokeObjectURL(before.url), 1000);
  }
}

function show(image: HTMLImageElement, url: string): void {
  image.src = url;
  image.hidden = false;
}
