/** The schema as a flat list, for everything that goes through all settings: environment, sample, suggestions. */
import { z } from 'zod'
import { schema } from './schema.ts'

export interface Setting {
  readonly path: readonly string[]
  /** `media.max_upload` */
  readonly key: string
  /** `DOMOVOI_MEDIA__MAX_UPLOAD` */
  readonly env: string
  readonly description: string
  /** As it would be written in the file. */
  readonly default: unknown
  readonly example: string | undefined
  readonly otherwise: string | undefined
  readonly secret: boolean
  /** A running server takes a change up on SIGHUP. */
  readonly reloads: boolean
  readonly isSection: boolean
  /** All values there are, where they can be listed. */
  readonly options: readonly string[]
  accepts(value: unknown): boolean
}

/** All sections and settings in the order of the schema, a section before its settings. */
export const settings: readonly Setting[] = [...walk(schema, [])]

const byKey = new Map(settings.map((setting) => [setting.key, setting]))

export const findSetting = (path: readonly PropertyKey[]): Setting | undefined => byKey.get(path.join('.'))

function* walk(object: z.ZodObject, above: readonly string[]): Generator<Setting> {
  for (const [name, field] of Object.entries(object.shape)) {
    const path = [...above, name]
    const outer = field as z.ZodType // zod types the shape by its core, which all classic types extend
    const hasDefault = outer instanceof z.ZodDefault || outer instanceof z.ZodPrefault
    const inner = hasDefault || outer instanceof z.ZodOptional ? outer.unwrap() : outer
    const isSection = inner instanceof z.ZodObject
    const meta = outer.meta() ?? {}
    yield {
      path,
      key: path.join('.'),
      env: `DOMOVOI_${path.join('__').toUpperCase()}`,
      description: meta.description ?? '',
      default: hasDefault && !isSection ? outer.def.defaultValue : undefined,
      example: meta.example,
      otherwise: meta.otherwise,
      secret: meta.secret ?? false,
      reloads: meta.reloads ?? false,
      isSection,
      options: inner instanceof z.ZodEnum ? inner.options.map(String) : [],
      accepts: (value) => outer.safeParse(value).success,
    }
    if (isSection) yield* walk(inner, path)
  }
}
