/** Keys that are to be in no database: whoever gets hold of a dump has not got what they protect. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

const BYTES = 32

/** The key in the file, which is made if it is not there, readable by the server's user alone. */
export async function readOrMakeKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await using file = await open(path, 'wx', 0o600)
    const key = randomBytes(BYTES)
    await file.writeFile(`${key.toString('base64url')}\n`)
    await file.sync()
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64url')
  if (key.length !== BYTES) throw new Error(`${path} does not hold a key of ${BYTES} bytes`)
  return key
}
