/** The music bot beside the homeserver: its registration, its start, and what it is given of the settings. */
import { join, resolve } from 'node:path'
import { fileRegistration, newTokens, type Registration } from '../bridges/appservice/registration.ts'
import type { MusicParts } from '../bridges/music/config.ts'
import type { Config } from './config/schema.ts'
import type { Clock } from './platform/clock.ts'
import { keepStarting } from './platform/keep-starting.ts'
import type { Metrics } from './platform/metrics.ts'

const registrationPath = ({ data_dir: dataDir }: Config): string => join(dataDir, 'appservices', 'music.yaml')
const socketOf = ({ data_dir: dataDir }: Config): string => resolve(dataDir, 'music.sock')

const freshRegistration = (config: Config): Registration => ({
  id: 'music',
  url: `unix://${socketOf(config)}`,
  ...newTokens(),
  sender_localpart: 'music',
  rate_limited: false,
  namespaces: { users: [], aliases: [], rooms: [] },
})

/** Its registration is made where it is missing, and is one of those that are read. */
export async function withMusic(config: Config): Promise<Config> {
  if (config.calls.music === 'off') return config
  await fileRegistration(registrationPath(config), freshRegistration(config))
  return { ...config, appservices: [...config.appservices, registrationPath(config)] }
}

/** Starts it and keeps trying: the homeserver goes on without. Gives what stops it. */
export async function startMusic(
  config: Config,
  beside: { homeserverUrl: string; clock: Clock; metrics: Metrics; ffmpeg: string | undefined },
): Promise<() => Promise<void>> {
  const { homeserverUrl, clock, metrics, ffmpeg } = beside
  const { sfu, livekit_internal_url: inside } = config.calls
  const managed = `${homeserverUrl}/livekit/sfu`
  const parts: MusicParts = {
    clock,
    played: metrics.counter('music_played_total', 'Files that were played in calls', ['result']),
    config: {
      homeserverUrl,
      serverName: config.server_name,
      registration: await fileRegistration(registrationPath(config), freshRegistration(config)),
      socket: socketOf(config),
      directory: resolve(config.data_dir, 'music'),
      sfuUrl: (sfu === 'auto' ? managed : inside)?.replace(/^http/, 'ws'),
      ffmpeg,
    },
  }
  return keepStarting('music', clock, async () => {
    const { MusicBot } = await import('../bridges/music/bot.ts')
    const bot = await MusicBot.start(parts)
    return { stop: () => bot.stop() }
  })
}
