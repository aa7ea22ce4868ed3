/** Archives that every system can open: POSIX `ustar`, one header of 512 bytes before each file. */
const BLOCK = 512

export interface Entry {
  readonly name: string
  readonly size: number
}

/** Throws for a name that does not fit. */
export function header({ name, size }: Entry, mtimeMs: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, last] = split(name)
  block.write(last, 0, 100)
  block.write('0000600\0', 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  if (size < 8 ** 11) block.write(`${octal(size, 11)}\0`, 124)
  else {
    block[124] = 0x80 // base 256, as GNU tar writes what is larger than 8 GiB
    block.writeBigUInt64BE(BigInt(size), 128)
  }
  block.write(`${octal(Math.floor(mtimeMs / 1000), 11)}\0`, 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\0', 257)
  block.write('00', 263)
  block.write(prefix, 345, 155)
  block.write(`${octal(sumOf(block), 6)}\0 `, 148)
  return block
}

export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
export const end = (): Buffer => Buffer.alloc(2 * BLOCK)

/**
 * Gives each file to `use`, which may leave some of it unread. Throws for anything that is no archive of ours: a damaged
 * header, a link, an archive that breaks off.
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  use: (entry: Entry, content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const bytes = new Bytes(source)
  for (;;) {
    const block = await bytes.take(BLOCK)
    if (block.every((byte) => byte === 0)) return
    const entry = entryOf(block)
    const content = bytes.pieces(entry.size)
    await use(entry, content)
    for await (const _rest of content);
    await bytes.take(padding(entry.size).length)
  }
}

function entryOf(block: Buffer): Entry {
  const sum = Number.parseInt(textAt(block, 148, 8), 8)
  const unsigned = Buffer.from(block)
  unsigned.fill(' ', 148, 156)
  if (sum !== sumOf(unsigned) || block[156] !== 0x30) throw new Error('the archive is damaged')
  const [name, prefix] = [textAt(block, 0, 100), textAt(block, 345, 155)]
  const size = block[124] === 0x80 ? Number(block.readBigUInt64BE(128)) : Number.parseInt(textAt(block, 124, 12), 8)
  return { name: prefix === '' ? name : `${prefix}/${name}`, size }
}

function split(name: string): [prefix: string, last: string] {
  if (Buffer.byteLength(name) <= 100) return ['', name]
  const at = name.indexOf('/', name.length - 101)
  if (at < 0 || at > 155) throw new Error(`the name ${name} is too long for an archive`)
  return [name.slice(0, at), name.slice(at + 1)]
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')
const sumOf = (block: Buffer): number => block.reduce((sum, byte) => sum + byte, 0)
const textAt = (block: Buffer, at: number, length: number): string =>
  block.toString('utf8', at, at + length).replace(/[\0 ].*$/s, '')

/** A stream of bytes from which pieces of a known length are taken. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async take(length: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.pieces(length)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  /** May be iterated again to get the rest. */
  pieces(length: number): AsyncIterable<Buffer> {
    let left = length
    const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
      if (left === 0) return { done: true, value: undefined }
      while (this.#rest.length === 0) {
        const { done, value } = await this.#source.next()
        if (done === true) throw new Error('the archive breaks off')
        this.#rest = value
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      return { done: false, value: piece }
    }
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }
}
