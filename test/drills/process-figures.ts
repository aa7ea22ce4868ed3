/** What the system knows of a process (Linux). */
import { readFile } from 'node:fs/promises'

/** Of Linux on all machines that Node runs on. */
const TICK_MS = 10

/** Time on a processor since its start. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name may hold spaces
  const [user, system] = [fields[11], fields[12]]
  return (Number(user) + Number(system)) * TICK_MS
}

/** The most memory it has had at once, in MiB. */
export const peakMiB = (pid: number): Promise<number> => mibOf(pid, /^VmHWM:\s+(\d+) kB/m)

/** The memory that it has now, in MiB. */
export const residentMiB = (pid: number): Promise<number> => mibOf(pid, /^VmRSS:\s+(\d+) kB/m)

async function mibOf(pid: number, field: RegExp): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(field.exec(status)?.[1]) / 1024)
}
