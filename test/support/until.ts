import { setTimeout as pause } from 'node:timers/promises'

/** Looks again and again, for what nobody tells of. The time limit is that of the test. */
export async function until(isSo: () => boolean | Promise<boolean>, pauseMs = 0): Promise<void> {
  while (!(await isSo())) await pause(pauseMs)
}
