/** Settings that are good and yet dangerous, or that do not go together. */
import { stat } from 'node:fs/promises'
import type { Config } from '../config/schema.ts'
import { type Finding, good, warn } from './finding.ts'

const AREA = 'config'

export async function lookAtConfig(config: Config, files: readonly string[]): Promise<Finding[]> {
  const { registration, federation, limits, auth, metrics, public_url: publicUrl, server_name: serverName } = config
  const isLocal = /^(localhost|127\.|\[::1\])/.test(serverName) || !serverName.includes('.')
  const host = new URL(publicUrl).hostname
  const found = [
    registration.mode === 'open' &&
      warn(AREA, 'Anybody can make an account', 'registration: { mode: invite }, and npm run cli -- invite'),
    federation.mode === 'open' &&
      isLocal &&
      warn(AREA, `Other servers cannot find ${serverName}`, 'server_name: a name in the DNS, before people talk'),
    limits.preset === 'off' && warn(AREA, 'There are no rate limits', 'limits: { preset: normal }'),
    auth.password_hash === 'fast' &&
      warn(AREA, 'Stolen password hashes would be broken in hours', 'auth: { password_hash: default }'),
    metrics.listen !== undefined &&
      !/^(127\.|::1$|localhost$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(metrics.listen.host) &&
      warn(AREA, `Metrics are for everybody who reaches ${metrics.listen.host}`, 'metrics: { listen: 127.0.0.1:9009 }'),
    publicUrl.startsWith('http:') &&
      !/^(localhost|127\.|\[::1\]|10\.|192\.168\.)/.test(host) &&
      warn(AREA, `${publicUrl} is not encrypted: most apps refuse it`, 'public_url: https://…, docs/deployment.md'),
    ...(await Promise.all(files.map(lookAtFile))),
  ].filter((finding) => finding !== false)
  return found.length > 0 ? found : [good(AREA, `${files.join(', ') || 'defaults'}: nothing dangerous`)]
}

/** Settings may hold passwords. */
async function lookAtFile(file: string): Promise<Finding | false> {
  const found = await stat(file)
  return (
    (found.mode & 0o004) !== 0 && warn(AREA, `${file} can be read by everybody on this machine`, `chmod 600 ${file}`)
  )
}
