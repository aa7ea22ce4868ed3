/** Somebody in a call, with a microphone and ears: a client of LiveKit. The library is loaded by whoever needs one. */
import type * as Rtc from '@livekit/rtc-node'
import type { AudioSource, RemoteTrack, Room } from '@livekit/rtc-node'
import { hasTone, isSilent, SAMPLE_RATE, toneFrom } from './tone.ts'

export type RtcLibrary = typeof Rtc

/** Throws where there is no such library for this machine, or where it does not run. */
export async function loadRtc(): Promise<RtcLibrary> {
  process.env['NODE_ENV'] ??= 'production' // else it prints what it does
  return await import('@livekit/rtc-node')
}

const FRAME = SAMPLE_RATE / 100
/** So much of it tells a tone from a click. */
const HEARD = SAMPLE_RATE / 2

export interface CallQuality {
  readonly received: number
  readonly lost: number
  /** Milliseconds. */
  readonly jitter: number
  /** Milliseconds; undefined where nothing was measured yet. */
  readonly roundTrip: number | undefined
  /** How the media go: the kind of candidate at this end, such as `host`, `srflx` or `relay`. */
  readonly own: string
  /** And at the other: kind, protocol and address. */
  readonly other: string
}

export interface JoinToken {
  readonly url: string
  readonly jwt: string
}

/** As WebRTC counts and calls them. */
const candidateTypes = ['host', 'srflx', 'prflx', 'relay']

export class Caller implements AsyncDisposable {
  readonly room: Room
  /** Resolves when the call is over, with the reason. */
  readonly ended: Promise<Rtc.DisconnectReason>
  readonly #rtc: RtcLibrary
  readonly #speaking = new AbortController()
  #muted = false
  #talking: Promise<void> = Promise.resolve()
  /** Of those who speak: the one heard first. */
  readonly #heard: Promise<RemoteTrack>

  private constructor(rtc: RtcLibrary, room: Room) {
    this.#rtc = rtc
    this.room = room
    const { promise, resolve } = Promise.withResolvers<RemoteTrack>()
    this.#heard = promise
    room.on(rtc.RoomEvent.TrackSubscribed, resolve)
    this.ended = new Promise((resolve) => room.once(rtc.RoomEvent.Disconnected, resolve))
  }

  /**
   * Rejects with what the SFU, or the way to it, has against it. With `relayOnly` everything goes through a TURN server of
   * those that the SFU names.
   */
  static async join(
    rtc: RtcLibrary,
    { url, jwt }: JoinToken,
    { relayOnly = false }: { relayOnly?: boolean } = {},
  ): Promise<Caller> {
    const caller = new Caller(rtc, new rtc.Room())
    const rtcConfig = {
      iceTransportType: rtc.IceTransportType.TRANSPORT_RELAY,
      continualGatheringPolicy: rtc.ContinualGatheringPolicy.GATHER_CONTINUALLY,
      iceServers: [],
    }
    await caller.room.connect(url, jwt, { autoSubscribe: true, dynacast: false, ...(relayOnly ? { rtcConfig } : {}) })
    return caller
  }

  /** Speaks a tone until it is muted or leaves. */
  async speak(hertz: number): Promise<void> {
    const source = new this.#rtc.AudioSource(SAMPLE_RATE, 1)
    const track = this.#rtc.LocalAudioTrack.createAudioTrack('tone', source)
    const options = new this.#rtc.TrackPublishOptions()
    options.source = this.#rtc.TrackSource.SOURCE_MICROPHONE
    const { localParticipant } = this.room
    if (!localParticipant) throw new Error('The call has ended')
    await localParticipant.publishTrack(track, options)
    this.#talking = this.#talk(source, hertz)
  }

  /** Goes on sending, but nothing to hear. */
  mute(): void {
    this.#muted = true
  }

  /** Listens until the tone is there, or silence; false after `ms` without it. */
  async hears(what: 'silence' | number, ms: number): Promise<boolean> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), ms)
    const expired = new Promise<undefined>((resolve) => late.signal.addEventListener('abort', () => resolve(undefined)))
    try {
      const track = await Promise.race([this.#heard, expired])
      if (!track) return false
      const reader = new this.#rtc.AudioStream(track, { sampleRate: SAMPLE_RATE, numChannels: 1 }).getReader()
      let recent = new Int16Array(0)
      try {
        while (!late.signal.aborted) {
          const read = await Promise.race([reader.read(), expired])
          if (!read || read.done) return false
          recent = append(recent, read.value.data).slice(-HEARD)
          if (recent.length < HEARD) continue
          if (what === 'silence' ? isSilent(recent) : hasTone(recent, what)) return true
        }
        return false
      } finally {
        await reader.cancel()
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async quality(): Promise<CallQuality> {
    const { subscriberStats, publisherStats } = await this.room.getRtcStats()
    const stats = [...subscriberStats, ...publisherStats].map(({ stats: one }) => one)
    let [received, lost, jitter] = [0, 0, 0]
    let roundTrip: number | undefined
    const kinds = new Map<string, string>()
    const places = new Map<string, string>()
    let [own, other] = ['', '']
    for (const one of stats) {
      if (one.case === 'inboundRtp') {
        received += Number(one.value.received?.packetsReceived ?? 0)
        lost += Number(one.value.received?.packetsLost ?? 0)
        jitter = Math.max(jitter, (one.value.received?.jitter ?? 0) * 1000)
      } else if (one.case === 'candidatePair' && one.value.candidatePair?.nominated === true) {
        const seconds = one.value.candidatePair.currentRoundTripTime ?? 0
        roundTrip = Math.max(roundTrip ?? 0, seconds * 1000)
        own ||= one.value.candidatePair.localCandidateId ?? ''
        other ||= one.value.candidatePair.remoteCandidateId ?? ''
      } else if ((one.case === 'localCandidate' || one.case === 'remoteCandidate') && one.value.candidate) {
        const { candidateType = -1, protocol, address, port } = one.value.candidate
        const id = one.value.rtc?.id ?? ''
        kinds.set(id, candidateTypes[candidateType] ?? 'unknown')
        places.set(id, `${protocol} ${address}:${port}`)
      }
    }
    const kindOf = (id: string): string => kinds.get(id) ?? 'unknown'
    return { received, lost, jitter, roundTrip, own: kindOf(own), other: `${kindOf(other)} ${places.get(other) ?? ''}` }
  }

  async leave(): Promise<void> {
    this.#speaking.abort()
    await this.#talking
    await this.room.disconnect()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }

  /** `captureFrame` takes its time: as long as the piece is. */
  async #talk(source: AudioSource, hertz: number): Promise<void> {
    for (let at = 0; !this.#speaking.signal.aborted; at += FRAME) {
      const samples = this.#muted ? new Int16Array(FRAME) : toneFrom(at, FRAME, hertz)
      const frame = new this.#rtc.AudioFrame(samples, SAMPLE_RATE, 1, FRAME)
      await source.captureFrame(frame)
    }
    await source.close()
  }
}

function append(first: Int16Array, second: Int16Array): Int16Array<ArrayBuffer> {
  const both = new Int16Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
