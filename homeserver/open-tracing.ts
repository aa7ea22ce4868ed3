import type { Config } from './config/schema.ts'
import type { Metrics } from './platform/metrics.ts'
import { noTracing, type Tracing } from './platform/tracing.ts'

/** The traces of the settings. Whoever opens them closes them. Throws if the headers for the collector are none. */
export async function openTracing(
  { server_name: serverName, tracing: { endpoint, ratio, headers } }: Config,
  { metrics, name = 'domovoi' }: { readonly metrics: Metrics; readonly name?: string },
): Promise<Tracing & AsyncDisposable> {
  if (endpoint === undefined) return { ...noTracing, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { OpenTelemetry } = await import('./platform/open-telemetry.ts')
  const service = { name, serverName }
  return new OpenTelemetry({ endpoint, ratio, headers: headersIn(headers?.reveal() ?? ''), service, metrics })
}

/** `Name: value`, a line each. */
function headersIn(text: string): Readonly<Record<string, string>> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([\w-]+):\s*(\S.*)$/.exec(line) ?? []
      if (name === undefined || value === undefined)
        throw new Error('tracing.headers: lines such as "Name: value" expected')
      return [name, value]
    }),
  )
}
