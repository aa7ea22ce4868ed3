/** Whether other servers find this one: the way to its own name, as far as this machine sees what they see. */
import type { Config } from '../config/schema.ts'
import type { Diagnosis } from '../domain/federation/diagnose.ts'
import { fail, type Finding, good, warn } from './finding.ts'

const AREA = 'federation'

export async function lookAtFederation(
  { federation, server_name: serverName }: Config,
  looking: (server: string) => Promise<Diagnosis>,
): Promise<Finding[]> {
  if (federation.mode === 'off') return []
  const { ok, hops } = await looking(serverName)
  if (ok) return [good(AREA, `Other servers find ${serverName}: ${hops.at(-1)?.detail ?? ''}`)]
  return hops
    .filter((hop) => !hop.ok)
    .map(({ hop, detail, fix = 'docs/federation.md' }) =>
      // A router that does not lead back from inside stops only us.
      hop === 'connect' ? warn(AREA, `From here ${detail}`, fix) : fail(AREA, detail, fix),
    )
}
