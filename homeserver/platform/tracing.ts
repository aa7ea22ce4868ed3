/**
 * Traces: on what a request spent its time. Unless a collector is configured they are off, and a span is a call and no more.
 *
 * Names and attributes say what kind of thing was done. They hold no content, no tokens, and no ids of people or rooms.
 */

type Attributes = Readonly<Record<string, string | number>>

export interface SpanOptions {
  /** Who waits: `server` answers somebody, `client` asks somebody, `internal` does either for itself. */
  readonly kind: 'internal' | 'server' | 'client'
  readonly attributes?: Attributes
  /** The span of who asked, as their header says. https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent?: string | undefined
}

export interface Span {
  /** What it is a part of, for those whom we ask; undefined while traces are off. */
  readonly traceparent: string | undefined
  /** More of what is known when it ends. */
  add(attributes: Attributes): void
  /** Marks it as gone wrong, by the kind of error. A span is marked by itself where its work throws. */
  fail(kind: string): void
}

export interface Tracing {
  /** Runs `work` within a span, which is a part of the one that the caller runs in, if that has not ended. */
  span<Result>(name: string, options: SpanOptions, work: (span: Span) => Promise<Result>): Promise<Result>
}

const noSpan: Span = { traceparent: undefined, add: () => undefined, fail: () => undefined }

export const noTracing: Tracing = { span: (_name, _options, work) => work(noSpan) }
