/** The data directory, the key, and the room there is. */
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { backupDirectory } from '../backup/place.ts'
import { ageOfNewest } from '../backup/schedule.ts'
import type { Config } from '../config/schema.ts'
import { parseSigningKeys } from '../core/signing.ts'
import { signingKeyFile } from '../installation.ts'
import { messageOf } from '../platform/caught.ts'
import { fail, type Finding, good, warn } from './finding.ts'

const GIB = 2 ** 30
const DAY_MS = 86_400_000

export async function lookAtFiles(config: Config): Promise<Finding[]> {
  const { data_dir: directory } = config
  const found = await stat(directory).catch(() => undefined)
  if (!found) return [fail('files', `There is no ${directory}`, 'npm start makes it')]
  return [
    (found.mode & 0o077) === 0
      ? good('files', `${directory} is the server's alone`)
      : fail('files', `${directory} is open to other users of this machine`, `chmod 700 ${directory}`),
    await lookAtKey(signingKeyFile(config)),
    ...(await lookAtSecrets(join(directory, 'secrets'))),
  ]
}

async function lookAtKey(file: string): Promise<Finding> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return fail('files', `${file} is missing`, 'put it back from a backup: npm run cli -- restore')
  if ((found.mode & 0o077) !== 0) return fail('files', `${file} can be read by others`, `chmod 600 ${file}`)
  try {
    const [{ keyId }] = parseSigningKeys(await readFile(file, 'utf8'))
    return good('files', `The server signs with ${keyId}`)
  } catch (error) {
    return fail('files', `${file} cannot be used: ${messageOf(error)}`, 'put it back from a backup')
  }
}

async function lookAtSecrets(directory: string): Promise<Finding[]> {
  const names = await readdir(directory).catch(() => [] as string[])
  const findings = names.map(async (name): Promise<Finding | false> => {
    const file = join(directory, name)
    return (
      ((await stat(file)).mode & 0o077) !== 0 && fail('files', `${file} can be read by others`, `chmod 600 ${file}`)
    )
  })
  return (await Promise.all(findings)).filter((finding) => finding !== false)
}

export async function lookAtDisk(
  { data_dir: directory, media }: Config,
  least = { bytes: GIB, share: 0.1 },
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const place of new Set([directory, media.path])) {
    const room = await statfs(place).catch(() => undefined)
    if (!room) continue
    const [free, whole] = [room.bavail * room.bsize, room.blocks * room.bsize]
    const text = `${(free / GIB).toFixed(1)} of ${(whole / GIB).toFixed(1)} GiB are free at ${place}`
    const fix = 'make room: npm run cli -- media purge --help, or move data_dir or media.path to a larger disk'
    if (free < least.bytes) findings.push(fail('disk', text, fix))
    else if (free < whole * least.share) findings.push(warn('disk', text, fix))
    else findings.push(good('disk', text))
    if (room.files > 0 && room.ffree < room.files / 50) {
      findings.push(warn('disk', `The disk at ${place} can hold few more files`, fix))
    }
  }
  return findings
}

export async function lookAtBackups(config: Config, now: number): Promise<Finding[]> {
  const age = await ageOfNewest(config, now)
  const fix = 'npm run cli -- backup, and backup: { every: 24h }'
  if (age === Infinity) return [warn('backup', `There is no backup in ${backupDirectory(config)}`, fix)]
  const days = `The newest backup is ${Math.floor(age / DAY_MS)} days old`
  return [age > 2 * DAY_MS ? warn('backup', days, fix) : good('backup', days)]
}
