/**
 * Makes the call in a process of its own, which the command ends: LiveKit's client is native code that neither ends by itself
 * nor can be ended in peace.
 */
import { loadRtc, type RtcLibrary } from './caller.ts'
import { simulateCall } from './simulate-call.ts'
import { StepFailed } from './steps.ts'

/** What the command is told. */
export type Told =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'works' }
  | { readonly kind: 'fails'; readonly why: string }
  | { readonly kind: 'no client'; readonly why: string }

const tell = (told: Told): void => void process.send?.(told)

async function main({ url, secret }: { url: string; secret: string }): Promise<Told> {
  let rtc: RtcLibrary
  try {
    rtc = await loadRtc()
  } catch (error) {
    return { kind: 'no client', why: String(error) }
  }
  try {
    await simulateCall({ rtc, url, secret, report: (line) => tell({ kind: 'line', line }) })
    return { kind: 'works' }
  } catch (error) {
    if (error instanceof StepFailed) return { kind: 'fails', why: error.message }
    throw error
  }
}

process.once('message', (message) => void main(message as Parameters<typeof main>[0]).then(tell)) // from the command
