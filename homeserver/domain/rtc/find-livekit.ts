/** Where the program `livekit-server` is on this machine. */
import { resolve } from 'node:path'
import { findProgram, isProgram } from '../../platform/find-program.ts'

const LIVEKIT_PROGRAM = 'livekit-server'

type Environment = Readonly<Record<string, string | undefined>>

/** Where `npm run calls:install` puts it. */
export const installedLivekit = (dataDir: string): string => resolve(dataDir, 'bin', LIVEKIT_PROGRAM)

/** The one that `LIVEKIT_SERVER` names, else the one in the data directory, else the first on the PATH. */
export async function findLivekit(dataDir: string, env: Environment): Promise<string | undefined> {
  const { LIVEKIT_SERVER: named } = env
  const place = named ? resolve(named) : installedLivekit(dataDir)
  if (await isProgram(place)) return place
  return named ? undefined : await findProgram(LIVEKIT_PROGRAM, env)
}
