/** The key of the LiveKit server that we run. It stays the same, so that a restart ends no call for good. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Secret } from '../../platform/secret.ts'
import type { ApiKey } from './jwt.ts'

export async function ownLivekitKey(dataDir: string): Promise<ApiKey> {
  const file = `${dataDir}/secrets/livekit_secret`
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  const secret = kept?.trim() ?? randomBytes(32).toString('base64url')
  if (kept === undefined) {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, secret, { flag: 'wx', mode: 0o600 })
  }
  return { id: 'domovoi', secret: new Secret(secret) }
}
