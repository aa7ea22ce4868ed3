/** `listener.ts URL JWT HERTZ…`: listens in a call, and says on a line each what it hears, whenever that changes: a tone, or `silence`. */
import { Caller, loadRtc } from '../../../homeserver/cli/simulate/caller.ts'
import { hasTone, isSilent, SAMPLE_RATE } from '../../../homeserver/cli/simulate/tone.ts'

const [url = '', jwt = '', ...tones] = process.argv.slice(2)
const rtc = await loadRtc()
const caller = await Caller.join(rtc, { url, jwt })
process.stdout.write('in\n')
let last = ''
caller.room.on(rtc.RoomEvent.TrackSubscribed, (track) => {
  void (async () => {
    let recent = new Int16Array(0)
    const options = { sampleRate: SAMPLE_RATE, numChannels: 1 }
    for await (const { data } of new rtc.AudioStream(track, options)) {
      const both = new Int16Array(recent.length + data.length)
      both.set(recent)
      both.set(data, recent.length)
      recent = both
      if (recent.length < SAMPLE_RATE / 4) continue
      const heard = isSilent(recent) ? 'silence' : tones.find((hertz) => hasTone(recent, Number(hertz)))
      recent = new Int16Array(0)
      if (heard === undefined || heard === last) continue
      last = heard
      process.stdout.write(`${heard}\n`)
    }
  })()
})
