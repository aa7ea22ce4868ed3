/**
 * The process that plays in one call: the native client of LiveKit, and what reads files of strangers. It ends with the
 * process that started it, and is never asked to clean up, for which the client has no safe way.
 */
import type { AudioSource, Room } from '@livekit/rtc-node'
import { decoded, type Resample } from './decode/decoded.ts'
import { MAX_SECONDS } from './config.ts'
import { CHANNELS, RATE, UnplayableError } from './decode/pcm.ts'
import type { FromPlayer, ToPlayer, Track } from './messages.ts'

process.env['NODE_ENV'] ??= 'production' // else the client prints what it does
const rtc = await import('@livekit/rtc-node')

/** A hundredth of a second. */
const FRAME = (RATE / 100) * CHANNELS
/** So much is on its way: what is paused is silent that soon. */
const QUEUE_MS = 200

const tell = (message: FromPlayer): void => void process.send?.(message)

let room: Room | undefined
let source: AudioSource | undefined
let volume = 1
let ffmpeg: string | undefined
let current: AbortController | undefined
/** Resolves when it goes on. */
let paused: PromiseWithResolvers<void> | undefined

const resample: Resample = (rate) => {
  const resampler = new rtc.AudioResampler(rate, RATE, CHANNELS)
  return {
    push: (samples) => {
      const frame = new rtc.AudioFrame(samples, rate, CHANNELS, samples.length / CHANNELS)
      return resampler.push(frame).map(({ data }) => data)
    },
    flush: () => resampler.flush().map(({ data }) => data),
  }
}

async function join(url: string, jwt: string): Promise<void> {
  const joined = new rtc.Room()
  const look = (): void => tell({ did: 'look', others: joined.remoteParticipants.size })
  joined.on(rtc.RoomEvent.ParticipantConnected, look)
  joined.on(rtc.RoomEvent.ParticipantDisconnected, look)
  joined.on(rtc.RoomEvent.Disconnected, () => tell({ did: 'leave' }))
  await joined.connect(url, jwt, { autoSubscribe: false, dynacast: false })
  source = new rtc.AudioSource(RATE, CHANNELS, QUEUE_MS)
  const track = rtc.LocalAudioTrack.createAudioTrack('music', source)
  const options = new rtc.TrackPublishOptions()
  options.source = rtc.TrackSource.SOURCE_MICROPHONE
  options.dtx = false
  await joined.localParticipant?.publishTrack(track, options)
  room = joined
  tell({ did: 'join' })
  look()
}

async function play(track: Track): Promise<void> {
  const stopping = new AbortController()
  current = stopping
  let problem: string | undefined
  try {
    for await (const frame of framesOf(decoded(track, { ffmpeg, resample }))) {
      await paused?.promise
      if (stopping.signal.aborted) break
      const samples = frame.map((sample) => sample * volume)
      await source?.captureFrame(new rtc.AudioFrame(samples, RATE, CHANNELS, samples.length / CHANNELS))
    }
    if (!stopping.signal.aborted) await source?.waitForPlayout()
  } catch (error) {
    problem = error instanceof UnplayableError ? error.message : String(error)
  }
  tell({ did: 'end', problem })
}

/** In pieces of the length that calls have, until it is long enough. */
async function* framesOf(pieces: AsyncIterable<Int16Array>): AsyncGenerator<Int16Array, void> {
  const frame = new Int16Array(FRAME)
  let filled = 0
  let left = (MAX_SECONDS * RATE * CHANNELS) / FRAME
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + FRAME - filled)
      frame.set(part, filled)
      at += part.length
      filled += part.length
      if (filled < FRAME) continue
      yield frame
      filled = 0
      if (--left <= 0) return
    }
  }
  if (filled > 0) yield frame.fill(0, filled)
}

function resume(): void {
  paused?.resolve()
  paused = undefined
}

async function take(message: ToPlayer): Promise<void> {
  if (message.do === 'join') {
    ffmpeg = message.ffmpeg
    await join(message.url, message.jwt)
  } else if (message.do === 'play') {
    await play(message.track)
  } else if (message.do === 'volume') {
    volume = message.value / 100
  } else if (message.do === 'pause') {
    paused ??= Promise.withResolvers()
    source?.clearQueue()
  } else if (message.do === 'stop') {
    current?.abort()
    source?.clearQueue()
    resume()
  } else {
    resume()
  }
}

process.on('message', (message) => {
  void take(message as ToPlayer).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  })
})
// The connection is closed properly, so that others see at once that it is; nothing else is.
process.on('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2_000)
  void Promise.resolve(room?.disconnect()).finally(() => process.kill(process.pid, 'SIGKILL'))
})
