/** Where the bytes of files are. What they are is told by the database. */

/** Both ends count: `{ start: 0, end: 9 }` is ten bytes. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Content as it is read. A piece is good only until the next one is asked for: its memory is used again. */
export type MediaPieces = AsyncIterable<Buffer>

/** Keys are 32 hex digits. */
export interface MediaStore {
  /** When it resolves, the content of the file at `path` is safe under `key`. That file itself stays. */
  put(key: string, path: string, file: { readonly size: number; readonly sha256: string }): Promise<void>
  /** Undefined if nothing is there. What it gives must be iterated. The range is not empty, and within the file. */
  get(key: string, range: ByteRange): Promise<MediaPieces | undefined>
  /** Resolves when nothing is there any more. */
  delete(key: string): Promise<void>
  /** Where the file is on this machine, if it is. */
  localPath?(key: string): string
  close?(): void
}
