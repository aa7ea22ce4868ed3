/** The key of the LiveKit server that we run. It stays the same, so that a restart ends no call for good. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Secret } from '../../platform/secret.ts'
import type { ApiKey } from './jwt.ts'

export async function ownLivekitKey(dataDir: string): Promise<ApiKey> {
  const file = `${dataDir}/secrets/livekit_secret`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return { id: 'domovoi', secret: new Secret((await readFile(file, 'utf8')).trim()) }
}
