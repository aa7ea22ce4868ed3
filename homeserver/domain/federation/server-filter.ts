import { compileGlob, type Matcher } from '../../core/glob.ts'
import type { ServerName } from '../../core/ids.ts'
import type { Config } from '../../config/schema.ts'

/** Whether we talk with a server at all, in either direction. */
export type ServerFilter = (server: ServerName) => boolean

/** Patterns are matched against the whole server name and against its host alone. */
function serverFilter({ mode, allow, deny }: Config['federation']): ServerFilter {
  if (mode === 'off') return () => false
  const [allowed, denied] = [matcherOf(allow), matcherOf(deny)]
  return (server) => (allow.length === 0 || allowed(server)) && !denied(server)
}

/** A filter whose settings change while the server runs. */
export class ReloadableServerFilter {
  #filter: ServerFilter

  constructor(settings: Config['federation']) {
    this.#filter = serverFilter(settings)
  }

  readonly mayTalkTo: ServerFilter = (server) => this.#filter(server)

  reload(settings: Config['federation']): void {
    this.#filter = serverFilter(settings)
  }
}

function matcherOf(patterns: readonly string[]): ServerFilter {
  const matchers: readonly Matcher[] = patterns.map((pattern) => compileGlob(pattern.toLowerCase()))
  return (server) => {
    const name = server.toLowerCase()
    const host = name.replace(/:\d+$/, '')
    return matchers.some((matches) => matches(name) || matches(host))
  }
}
