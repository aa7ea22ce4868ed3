/** `DOMOVOI_SECTION__KEY` → settings. */
import { parse } from 'yaml'
import { settings, type Setting } from './settings.ts'
import { suggest } from './suggest.ts'

/** Kubernetes sets these for every service by the name of domovoi. */
const SERVICE_LINK = /^DOMOVOI_(?:SERVICE_|PORT(?:_|$))/

export interface EnvironmentSettings {
  readonly values: Record<string, unknown>
  readonly problems: readonly string[]
}

/** An empty variable sets nothing. Numbers and true or false are read as in the file; lists may be parted by commas. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentSettings {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  const byName = new Map(settings.filter((setting) => !setting.isSection).map((setting) => [setting.env, setting]))
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('DOMOVOI_') || SERVICE_LINK.test(name) || !text) continue
    const setting = byName.get(name)
    if (setting) {
      put(values, setting.path, read(setting, text))
    } else {
      const meant = suggest(name, byName.keys())
      problems.push(`${name}: no such setting${meant ? `; did you mean ${meant}?` : ''}`)
    }
  }
  return { values, problems }
}

function read(setting: Setting, text: string): unknown {
  if (setting.accepts(text)) return text
  if (Array.isArray(setting.default) && !text.startsWith('[')) {
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  }
  try {
    const value: unknown = parse(text)
    return setting.accepts(value) || typeof value !== 'object' || Array.isArray(value) ? value : text
  } catch {
    return text // the schema will say what is wrong with it
  }
}

function put(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    values[name] = value
    return
  }
  const section = (values[name] ??= {}) as Record<string, unknown> // made here only
  put(section, rest, value)
}
