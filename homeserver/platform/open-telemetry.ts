/** Traces for a collector that speaks OTLP over HTTP. Loaded only where one is configured. https://opentelemetry.io/docs/specs/otlp/#otlphttp */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  ROOT_CONTEXT,
  type Span as OpenSpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Span as StartedSpan,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Counter, Metrics } from './metrics.ts'
import type { Span, SpanOptions, Tracing } from './tracing.ts'
import { version } from './version.ts'

export interface OpenTelemetryOptions {
  readonly endpoint: string
  /** Of the traces that begin here, 0 to 1. Those that began elsewhere are kept if they are kept there. */
  readonly ratio: number
  /** A token for the collector, and the like. */
  readonly headers?: Readonly<Record<string, string>>
  readonly service: { readonly name: string; readonly serverName: string }
  readonly metrics: Metrics
}

/** Spans that wait for the collector; what comes then is counted and forgotten. */
const MAX_WAITING = 4_096
const MAX_BATCH = 512
const BATCH_MS = 2_000
/** For the collector to answer, trying again included: a stop of the server waits for it. */
const TIMEOUT_MS = 3_000

const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const

/** The span that code runs in. */
interface Place {
  readonly context: Context
  hasEnded: boolean
}

export class OpenTelemetry implements Tracing, AsyncDisposable {
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  readonly #places = new AsyncLocalStorage<Place>()

  constructor({ endpoint, ratio, headers = {}, service, metrics }: OpenTelemetryOptions) {
    const spans = metrics.counter('trace_spans_total', 'Spans of traces, by what became of them', ['result'])
    const exporter = new OTLPTraceExporter({
      url: endpoint,
      headers: { ...headers },
      timeoutMillis: TIMEOUT_MS,
    })
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        'service.name': service.name,
        'service.version': version,
        'service.instance.id': service.serverName,
      }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [new CountedQueue(exporter, spans)],
    })
    this.#tracer = this.#provider.getTracer('domovoi')
  }

  async span<Result>(
    name: string,
    { kind, attributes = {}, traceparent }: SpanOptions,
    work: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const around = this.#places.getStore()
    const parent = around?.hasEnded === false ? around.context : remoteContext(traceparent)
    const span = this.#tracer.startSpan(name, { kind: kinds[kind], attributes }, parent)
    const place = { context: trace.setSpan(ROOT_CONTEXT, span), hasEnded: false }
    try {
      return await this.#places.run(place, () => work(handle(span)))
    } catch (error) {
      fail(span, kindOf(error))
      throw error
    } finally {
      place.hasEnded = true
      span.end()
    }
  }

  /** Tells the collector what waits, if it answers in time. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined) // the spans are counted as lost
  }
}

function handle(span: OpenSpan): Span {
  return {
    get traceparent() {
      const { traceId, spanId, traceFlags } = span.spanContext()
      return `00-${traceId}-${spanId}-0${traceFlags}`
    },
    add: (attributes) => void span.setAttributes({ ...attributes }),
    fail: (kind) => fail(span, kind),
  }
}

/** By its kind alone: messages of errors name people and rooms. */
function fail(span: OpenSpan, kind: string): void {
  span.setAttribute('error.type', kind)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'errcode' in error ? String(error.errcode) : error.name
}

/** Without what only makes sense to others, such as `tracestate` and baggage. */
function remoteContext(traceparent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = ''] =
    /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/.exec(traceparent ?? '') ?? []
  const remote: SpanContext = { traceId, spanId, traceFlags: parseInt(flags, 16) & 1, isRemote: true }
  return traceId === '' ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote) // all zeros are no ids for the SDK
}

/** A queue with an end, and what became of all spans that were put in: `sent`, `lost` on the way, or `dropped` for want of room. */
class CountedQueue implements SpanProcessor {
  readonly #batches: BatchSpanProcessor
  readonly #spans: Counter<'result'>
  #waiting = 0
  /** On their way to the collector. */
  #leaving = 0
  #isClosed = false

  constructor(exporter: SpanExporter, spans: Counter<'result'>) {
    this.#spans = spans
    const counted: SpanExporter = {
      export: (batch, done) => {
        this.#waiting -= batch.length
        this.#leaving += batch.length
        exporter.export(batch, (result) => {
          if (this.#isClosed) return done(result)
          this.#leaving -= batch.length
          spans.add(batch.length, { result: result.code === 0 ? 'sent' : 'lost' })
          done(result)
        })
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    }
    this.#batches = new BatchSpanProcessor({
      exporter: counted,
      maxQueueSize: MAX_WAITING,
      maxExportBatchSize: MAX_BATCH,
      scheduledDelayMillis: BATCH_MS,
      exportTimeoutMillis: 2 * TIMEOUT_MS,
    })
  }

  onStart(span: StartedSpan, context: Context): void {
    this.#batches.onStart(span, context)
  }

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= MAX_WAITING) return this.#spans.inc({ result: 'dropped' })
    this.#waiting++
    this.#batches.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush()
  }

  async shutdown(): Promise<void> {
    try {
      await this.#batches.shutdown()
    } finally {
      this.#isClosed = true
      this.#spans.add(this.#waiting + this.#leaving, { result: 'lost' })
    }
  }
}
