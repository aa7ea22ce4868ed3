/** The kinds of value a setting can have. Each `error` completes the sentence "… expected". */
import { z } from 'zod'
import { Secret } from '../platform/secret.ts'
import { parseDuration, parseSize } from './units.ts'

declare module 'zod' {
  interface GlobalMeta {
    /** A value to show where there is no fixed default. */
    example?: string
    /** Says in words what holds when the setting is left out. */
    otherwise?: string
    /** Marks what `config show` must not print and what may be read from `<key>_file`. */
    secret?: boolean
    /** A running server takes a change up on SIGHUP. */
    reloads?: boolean
  }
}

/** A setting that may be left out, and then means what `otherwise` says. */
export const text = (description: string, hint: { example?: string; otherwise?: string } = {}) =>
  z
    .string({ error: 'a text' })
    .min(1, { error: 'a text that is not empty' })
    .optional()
    .meta({ description, ...hint })

export const textOr = (value: string, description: string) =>
  z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }).default(value).meta({ description })

export const flag = (value: boolean, description: string) =>
  z.boolean({ error: 'true or false' }).default(value).meta({ description })

export const choice = <const T extends readonly [string, ...string[]]>(
  options: T,
  value: T[number],
  description: string,
) =>
  z
    .enum(options, { error: `one of ${options.join(', ')}` })
    .default(value)
    .meta({ description })

export const whole = (min: number, max: number, value: number, description: string) => {
  const error = `a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error }).default(value).meta({ description })
}

export const share = (value: number, description: string) => {
  const error = 'a number from 0 to 1'
  return z.number({ error }).min(0, { error }).max(1, { error }).default(value).meta({ description })
}

export const list = (item: z.ZodType<string, string>, value: string[], description: string) =>
  z.array(item, { error: 'a list of texts' }).default(value).meta({ description })

/** In milliseconds once read. */
export const duration = (value: string, description: string) =>
  measured(parseDuration, 'a duration such as 30s, 15m, 12h or 14d').prefault(value).meta({ description })

/** In milliseconds once read; undefined stands for `never`. */
export const lifetime = (value: string, description: string) =>
  z
    .union([z.literal('never').transform(() => undefined), measured(parseDuration, '')], {
      error: 'a duration such as 15m, 12h or 14d, or never',
    })
    .prefault(value)
    .meta({ description })

/** In bytes once read. */
export const size = (value: string, description: string) =>
  measured(parseSize, 'a size such as 512KiB, 100MiB or 5GB').prefault(value).meta({ description })

/** A setting that never shows itself in logs. `load.ts` fills it from the file that `<key>_file` names. */
export const secret = (description: string) =>
  z
    .string({ error: 'a text' })
    .min(1, { error: 'a text that is not empty' })
    .transform((value) => new Secret(value))
    .optional()
    .meta({ description, secret: true })

export const secretFile = (what: string, hint: { otherwise?: string } = {}) => text(`File that holds ${what}.`, hint)

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'addresses or ranges such as 10.0.0.0/8 or ::1',
})
export const addresses = (value: string[], description: string) => list(address, value, description)

/** Taken up on SIGHUP. */
export const reloads = { reloads: true }

export const section = <const Shape extends z.core.$ZodLooseShape>(description: string, shape: Shape) =>
  z
    .strictObject(shape, { error: 'a section of settings' })
    .prefault({} as never)
    .meta({ description })

function measured(parse: (text: string) => number | undefined, error: string) {
  // For editors: that it is a number with a unit; `parse` knows the units.
  const written = z.string({ error }).meta({ pattern: '^\\d+(\\.\\d+)? ?[A-Za-z]+$' })
  return written.transform((value, context) => {
    const parsed = parse(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}
