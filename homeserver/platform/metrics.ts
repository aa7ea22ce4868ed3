/** Counters, gauges and histograms, and their text for Prometheus. https://prometheus.io/docs/instrumenting/exposition_formats/ */

type Labels<L extends string> = Readonly<Record<L, string>>

/** With no label names, values are given without labels. */
type Labelled<L extends string> = [L] extends [never] ? [] : [labels: Labels<L>]

export interface Counter<L extends string = never> {
  inc(...labels: Labelled<L>): void
  add(by: number, ...labels: Labelled<L>): void
}

export interface Gauge<L extends string = never> {
  set(value: number, ...labels: Labelled<L>): void
  add(by: number, ...labels: Labelled<L>): void
}

export interface Histogram<L extends string = never> {
  observe(value: number, ...labels: Labelled<L>): void
}

/** Beyond this many combinations of label values, further ones are counted together as `other`. */
const maxSeries = 500

/** In seconds. */
const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

const separator = '\u0000'

/** The values of one metric by the label values they belong to. */
class Family<T> {
  readonly name: string
  readonly head: string
  readonly #labelNames: readonly string[]
  readonly #fresh: () => T
  readonly #series = new Map<string, T>()

  constructor(name: string, help: string, type: string, labelNames: readonly string[], fresh: () => T) {
    this.name = name
    this.head = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
    this.#labelNames = labelNames
    this.#fresh = fresh
    if (labelNames.length === 0) this.#series.set('', fresh())
  }

  at(labels: Readonly<Record<string, string>> | undefined): T {
    const key = labels ? this.#labelNames.map((name) => labels[name] ?? '').join(separator) : ''
    const found = this.#series.get(key)
    if (found !== undefined) return found
    if (this.#series.size < maxSeries) return this.#add(key)
    const other = this.#labelNames.map(() => 'other').join(separator)
    return this.#series.get(other) ?? this.#add(other)
  }

  /** Each series with its labels as text, such as `method="GET"`. */
  *series(): Generator<[labels: string, value: T]> {
    for (const [key, value] of this.#series) {
      const values = key.split(separator)
      yield [this.#labelNames.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(','), value]
    }
  }

  #add(key: string): T {
    const value = this.#fresh()
    this.#series.set(key, value)
    return value
  }
}

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

interface Tally {
  readonly counts: Float64Array
  sum: number
}

interface Metric {
  readonly name: string
  text(): string
}

/** The metrics of one server. A name may be registered once. */
export class Metrics {
  readonly #prefix: string
  readonly #metrics = new Map<string, Metric>()

  constructor(prefix = 'domovoi_') {
    this.#prefix = prefix
  }

  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    const at = this.#scalar(name, help, 'counter', labelNames)
    return { inc: (labels?) => void (at(labels).value += 1), add: (by, labels?) => void (at(labels).value += by) }
  }

  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    const at = this.#scalar(name, help, 'gauge', labelNames)
    return {
      set: (value, labels?) => void (at(labels).value = value),
      add: (by, labels?) => void (at(labels).value += by),
    }
  }

  /** A value that is asked for when the metrics are read. */
  observed(name: string, help: string, type: 'counter' | 'gauge', read: () => number): void {
    const family = new Family(this.#prefix + name, help, type, [], () => undefined)
    this.#register({ name: family.name, text: () => `${family.head}${family.name} ${read()}\n` })
  }

  /** `buckets` are upper limits in rising order; without them, durations in seconds. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    buckets: readonly number[] = defaultBuckets,
  ): Histogram<L> {
    const fresh = (): Tally => ({ counts: new Float64Array(buckets.length + 1), sum: 0 })
    const family = new Family(this.#prefix + name, help, 'histogram', labelNames, fresh)
    this.#register({ name: family.name, text: () => histogramText(family, buckets) })
    return {
      observe(value, labels?) {
        const tally = family.at(labels)
        const index = buckets.findIndex((limit) => value <= limit)
        const bucket = index < 0 ? buckets.length : index
        tally.counts[bucket] = (tally.counts[bucket] ?? 0) + 1
        tally.sum += value
      },
    }
  }

  /** Everything in the text format 0.0.4. */
  text(): string {
    let text = ''
    for (const metric of this.#metrics.values()) text += metric.text()
    return text
  }

  #scalar(name: string, help: string, type: string, labelNames: readonly string[]) {
    const family = new Family(this.#prefix + name, help, type, labelNames, () => ({ value: 0 }))
    this.#register({ name: family.name, text: () => scalarText(family) })
    return (labels?: Readonly<Record<string, string>>): { value: number } => family.at(labels)
  }

  #register(metric: Metric): void {
    if (this.#metrics.has(metric.name)) throw new Error(`The metric ${metric.name} exists already`)
    this.#metrics.set(metric.name, metric)
  }
}

function scalarText(family: Family<{ value: number }>): string {
  let text = family.head
  for (const [labels, { value }] of family.series()) text += `${family.name}${labels ? `{${labels}}` : ''} ${value}\n`
  return text
}

function histogramText(family: Family<Tally>, buckets: readonly number[]): string {
  let text = family.head
  for (const [labels, { counts, sum }] of family.series()) {
    let below = 0
    counts.forEach((count, index) => {
      below += count
      const limit = buckets[index] ?? '+Inf'
      text += `${family.name}_bucket{${labels ? `${labels},` : ''}le="${limit}"} ${below}\n`
    })
    const braces = labels ? `{${labels}}` : ''
    text += `${family.name}_sum${braces} ${sum}\n${family.name}_count${braces} ${below}\n`
  }
  return text
}
