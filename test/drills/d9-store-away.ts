/** D9: the S3 store of files says nothing for a while, as people upload and download, and is there again. */
import { FakeS3 } from '../support/fake-s3.ts'
import { Client } from '../support/client.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'

/** Goal for the refusal of what needs the store. */
const REFUSED_MS = 12_000
/** Goal for messages meanwhile. */
const MAX_SEND_MS = 250

export interface StoreAwayOptions extends DrillOptions {
  /** Uploads, and as many downloads, that meet the silence. */
  readonly uploads?: number
  readonly sends?: number
}

export async function storeAway({ databaseUrl, uploads = 50, sends = 200 }: StoreAwayOptions): Promise<Outcome> {
  await using store = await FakeS3.start()
  await using server = await DrillServer.make({ databaseUrl, settings: store.config })
  await server.start()
  const alice = await new Client(server.url).register('alice', 'password of alice')
  const roomId = await alice.createRoom()
  const upload = async (text: string): Promise<{ status: number; uri: string; ms: number }> => {
    const from = performance.now()
    const { status, body } = await alice.request('POST', '/_matrix/media/v3/upload', text)
    return { status, uri: String(body['content_uri']), ms: performance.now() - from }
  }
  const download = async (uri: string): Promise<{ status: number; text: unknown; ms: number }> => {
    const from = performance.now()
    const path = `/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`
    const { status, body } = await alice.request('GET', path)
    return { status, text: body['text'], ms: performance.now() - from }
  }
  const p99 = async (): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < sends; n++) {
      const from = performance.now()
      await alice.send(roomId, 'hello')
      times.push(performance.now() - from)
    }
    return Math.round(percentile(times, 99))
  }
  const { uri } = await upload('before')
  await p99() // warms up
  const before = await p99()

  store.hangs = true
  const asked = Array.from({ length: uploads }, (_, n) => [upload(`while it is away ${n}`), download(uri)]).flat()
  const during = await p99()
  const refusals = await Promise.all(asked)
  const wronglyAnswered = refusals.filter(({ status }) => status !== 503).length
  const waits = refusals.map(({ ms }) => ms)
  const refusedMsMax = Math.round(percentile(waits, 100))

  store.hangs = false
  const [old, after] = [await download(uri), await upload('after')]
  const there = await download(after.uri)
  const recovered = Number(old.text === 'before' && there.text === 'after')
  const figures = { refusals: asked.length, wronglyAnswered, refusedMsMax, recovered, sendMsP99Before: before }
  const pass = wronglyAnswered === 0 && recovered === 1 && refusedMsMax <= REFUSED_MS && during <= MAX_SEND_MS
  return { name: 'D9', pass, figures: { ...figures, sendMsP99: during } }
}
