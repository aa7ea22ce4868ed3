/** An address of this machine that no other process of the tests uses. `index` is from 1 to 254. */
export function loopback(index: number): string {
  return `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}.${index}`
}
