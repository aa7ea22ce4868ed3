/**
 * Encrypts a stream with a passphrase: scrypt makes the key, AES-256-GCM seals pieces of 64 KiB. Each piece is sealed with
 * its number and with whether it is the last one, so that none can be left out, moved or cut off.
 *
 *     "domovoi sealed 1\n"  16 bytes of salt  { 4 bytes: length of the piece, highest bit: the last one; piece; 16 bytes tag }…
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

const MAGIC = Buffer.from('domovoi sealed 1\n')
const SALT = 16
const PIECE = 64 * 1024
const TAG = 16
const LAST = 0x8000_0000
/** 64 MiB and a quarter of a second for each guess. */
const cost = { N: 2 ** 16, r: 8, p: 1, maxmem: 128 * 1024 * 1024 }

/** Said where the passphrase does not fit, or somebody has changed the file: the two cannot be told apart. */
class SealError extends Error {
  override name = 'SealError'
}

const derive = promisify<string, Buffer, number, typeof cost, Buffer>(scrypt)

const keyOf = async (passphrase: string, salt: Buffer): Promise<Buffer> =>
  await derive(passphrase.normalize('NFKC'), salt, 32, cost)

export async function* seal(source: AsyncIterable<Buffer>, passphrase: string): AsyncGenerator<Buffer, void> {
  const salt = randomBytes(SALT)
  const key = await keyOf(passphrase, salt)
  yield Buffer.concat([MAGIC, salt])
  let number = 0
  let waiting: Buffer = Buffer.alloc(0)
  for await (const bytes of source) {
    waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes])
    while (waiting.length > PIECE) {
      yield sealed(key, number++, waiting.subarray(0, PIECE), false)
      waiting = waiting.subarray(PIECE)
    }
  }
  yield sealed(key, number, waiting, true)
}

function sealed(key: Buffer, number: number, piece: Buffer, isLast: boolean): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(piece.length + (isLast ? LAST : 0))
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number))
  cipher.setAAD(head)
  return Buffer.concat([head, cipher.update(piece), cipher.final(), cipher.getAuthTag()])
}

/** The key is made for one stream, so that its pieces may be counted from nought. */
function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 6, 6)
  return nonce
}

export const isSealed = (start: Buffer): boolean => start.subarray(0, MAGIC.length).equals(MAGIC)

/** Throws `SealError`. What it has given is as it was sealed, even if it throws later. */
export async function* unseal(source: AsyncIterable<Buffer>, passphrase: string): AsyncGenerator<Buffer, void> {
  let waiting: Buffer = Buffer.alloc(0)
  let key: Buffer | undefined
  let number = 0
  let isOver = false
  for await (const bytes of source) {
    waiting = Buffer.concat([waiting, bytes])
    if (!key) {
      if (waiting.length < MAGIC.length + SALT) continue
      key = await keyOf(passphrase, waiting.subarray(MAGIC.length, MAGIC.length + SALT))
      waiting = waiting.subarray(MAGIC.length + SALT)
    }
    for (;;) {
      if (waiting.length < 4) break
      const length = waiting.readUInt32BE() & ~LAST
      if (length > PIECE || isOver) throw new SealError('the backup is damaged')
      if (waiting.length < 4 + length + TAG) break
      isOver = waiting.readUInt32BE() >= LAST
      yield opened(key, number++, waiting.subarray(0, 4 + length + TAG))
      waiting = waiting.subarray(4 + length + TAG)
    }
  }
  if (!isOver || waiting.length > 0) throw new SealError('the backup breaks off')
}

function opened(key: Buffer, number: number, sealedPiece: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number))
  decipher.setAAD(sealedPiece.subarray(0, 4))
  decipher.setAuthTag(sealedPiece.subarray(sealedPiece.length - TAG))
  try {
    return Buffer.concat([decipher.update(sealedPiece.subarray(4, sealedPiece.length - TAG)), decipher.final()])
  } catch (error) {
    throw new SealError('the passphrase is wrong, or the backup was changed', { cause: error })
  }
}
