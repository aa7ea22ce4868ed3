import type { Counter, Gauge, Metrics } from '../../platform/metrics.ts'

export interface AppserviceMetrics {
  readonly queue: Gauge<'appservice'>
  readonly lag: Gauge<'appservice'>
  readonly transactions: Counter<'appservice' | 'result'>
}

export function appserviceMetrics(metrics: Metrics): AppserviceMetrics {
  const by = ['appservice'] as const
  return {
    queue: metrics.gauge('appservice_queue', 'Events that an application service was not told of or asked about', by),
    lag: metrics.gauge('appservice_lag_seconds', 'Age of what an application service would not take', by),
    transactions: metrics.counter('appservice_transactions_total', 'Transactions to application services', [
      'appservice',
      'result',
    ]),
  }
}
