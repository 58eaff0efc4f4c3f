// A tar file without compression out of a few files, as the server takes it. Pure.

const BLOCK = 512;

function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number): void => block.set(new TextEncoder().encode(text), at);
  put(name.slice(0, 99), 0);
  put("0000644\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  put("        ", 148); // the checksum counts as spaces
  put("0", 156);
  put("ustar\0", 257);
  put("00", 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Parts of the archive, in order; a Blob is made of them without reading the files into memory. */
export function packed(files: readonly { name: string; size: number; body: Blob }[]): Blob {
  const parts: BlobPart[] = [];
  for (const file of files) {
    parts.push(
      header(file.name, file.size) as BlobPart,
      file.body,
      new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK),
    );
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}
