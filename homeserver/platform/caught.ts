/** Looks into what was thrown, which may be anything. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whether it is an error of the system with one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  const found = (error as { readonly code?: unknown } | null | undefined)?.code // whatever it is, it has none or one
  return codes.some((code) => code === found)
}
