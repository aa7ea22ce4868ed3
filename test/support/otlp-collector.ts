/** A collector of OpenTelemetry traces, by OTLP over HTTP with JSON. https://opentelemetry.io/docs/specs/otlp/#otlphttp */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

const attributes = z
  .array(
    z.strictObject({
      key: z.string().min(1),
      value: z.strictObject({
        stringValue: z.string().optional(),
        intValue: z.union([z.int(), z.string().regex(/^\d+$/)]).optional(),
      }),
    }),
  )
  .transform((list) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)] as const)),
  )

const nanoseconds = z.string().regex(/^\d{19}$/)

/** Of a span what we send. https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
const span = z.looseObject({
  traceId: z.string().regex(/^[\da-f]{32}$/),
  spanId: z.string().regex(/^[\da-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[\da-f]{16}$/)
    .optional(),
  name: z.string().min(1),
  kind: z.enum({ internal: 1, server: 2, client: 3 }),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  status: z.looseObject({ code: z.int().min(0).max(2), message: z.undefined().optional() }),
})

const request = z.strictObject({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(span) })),
    }),
  ),
})

export interface CollectedSpan extends z.output<typeof span> {
  /** Of the process that it comes from. */
  readonly service: string
}

export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  /** What came, byte for byte. */
  readonly bodies: string[] = []
  readonly headers: IncomingHttpHeaders[] = []
  /** Requests are answered when it is resolved. */
  gate: Promise<void> = Promise.resolve()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((incoming, response) => {
      void (async () => {
        const body = await text(incoming)
        await this.gate
        const isRight = incoming.method === 'POST' && incoming.url === '/v1/traces'
        if (!isRight || incoming.headers['content-type'] !== 'application/json') return response.writeHead(400).end()
        this.bodies.push(body)
        this.headers.push(incoming.headers)
        this.#take(body)
        return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })().catch((error: unknown) => response.writeHead(400).end(String(error)))
    })
  }

  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector()
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve))
    return collector
  }

  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo // it listens on TCP
    return `http://127.0.0.1:${port}/v1/traces`
  }

  /** The one span of that name. */
  one(name: string): CollectedSpan {
    const [found, ...others] = this.spans.filter((one) => one.name === name)
    if (!found || others.length > 0) throw new Error(`There are ${others.length + (found ? 1 : 0)} spans ${name}`)
    return found
  }

  /** Those that are parts of it. */
  partsOf({ traceId, spanId }: CollectedSpan): readonly CollectedSpan[] {
    return this.spans.filter((one) => one.traceId === traceId && one.parentSpanId === spanId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(body: string): void {
    for (const { resource, scopeSpans } of request.parse(JSON.parse(body)).resourceSpans) {
      const service = String(resource.attributes['service.name'])
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((one) => ({ ...one, service })))
    }
  }
}
