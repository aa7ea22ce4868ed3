import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metrics } from '../platform/metrics.ts'

/** Numbers for Prometheus, for a listener of their own: the others are open to everybody. */
export function metricsHandler(metrics: Metrics): (request: IncomingMessage, response: ServerResponse) => void {
  return ({ method, url }, response) => {
    if (url !== '/metrics' || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics.text())
  }
}
