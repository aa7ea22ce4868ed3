import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'

/** Of the timer whose lateness is measured, in milliseconds. */
const resolution = 10
const nanosecondsPerSecond = 1e9
const microsecondsPerSecond = 1e6

/** Adds CPU, memory and event-loop metrics of this process; what it returns ends the measuring. */
export function collectProcessMetrics(metrics: Metrics): () => void {
  const lag = monitorEventLoopDelay({ resolution })
  lag.enable()
  const memory = process.memoryUsage
  metrics.observed('process_cpu_seconds_total', 'CPU time, user and system', 'counter', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / microsecondsPerSecond
  })
  metrics.observed('process_resident_memory_bytes', 'Resident memory', 'gauge', () => memory.rss())
  metrics.observed('process_heap_used_bytes', 'JavaScript heap in use', 'gauge', () => memory().heapUsed)
  metrics.observed(
    'process_external_memory_bytes',
    'Buffers and other memory outside the heap',
    'gauge',
    () => memory().external,
  )
  metrics.observed(
    'process_start_time_seconds',
    'Start of the process since the epoch',
    'gauge',
    () => performance.timeOrigin / 1000,
  )
  metrics.observed(
    'event_loop_lag_p99_seconds',
    'Lateness of timers since the last reading, 99th percentile',
    'gauge',
    () => {
      const p99 = Math.max(0, lag.percentile(99) / nanosecondsPerSecond - resolution / 1000)
      lag.reset()
      return p99
    },
  )
  metrics.observed(
    'event_loop_utilization',
    'Share of its time the event loop was busy, since the start',
    'gauge',
    () => performance.eventLoopUtilization().utilization,
  )
  return () => lag.disable()
}
