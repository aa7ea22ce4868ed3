/** Proves a backup: puts it into a temporary place, starts a server there, and asks it. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { readSigningKeys } from '../installation.ts'
import { Server } from '../server.ts'
import type { Manifest } from '../backup/manifest.ts'
import { BackupError, inspect, restore, type Source } from '../backup/restore.ts'

/** Throws `BackupError`. `directory` needs as much room as the server takes. */
export async function verifyBackup(source: Source, directory: string): Promise<Manifest> {
  const { server_name: serverName } = await inspect(source)
  const place = await mkdtemp(join(directory, '.verify-'))
  try {
    const config = loadConfig({
      files: [
        {
          name: 'verify',
          text: JSON.stringify({
            server_name: serverName,
            data_dir: place,
            listen: { host: '127.0.0.1', port: 0 },
            registration: { mode: 'closed', shared_secret: randomBytes(16).toString('hex') },
          }),
        },
      ],
      env: {},
      readFile: () => '',
    })
    const manifest = await restore(source, config)
    await using server = await Server.start(config, { signingKeys: await readSigningKeys(config) })
    const answer = await fetch(`http://127.0.0.1:${server.port}/_matrix/client/versions`)
    await answer.arrayBuffer()
    if (!answer.ok) throw new BackupError(`A server on the backup answers ${answer.status}`)
    return manifest
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
