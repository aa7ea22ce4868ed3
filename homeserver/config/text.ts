/** A configuration file as YAML that remembers where everything stands. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLError } from 'yaml'

export interface ConfigFile {
  /** Shown in messages. */
  readonly name: string
  readonly text: string
}

export class ConfigText {
  readonly values: Record<string, unknown> = {}
  readonly problems: readonly string[]
  readonly #name: string
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed

  constructor({ name, text }: ConfigFile) {
    this.#name = name
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
    const { errors, contents } = this.#document
    this.problems = errors.map((error) => `${this.#at(error.pos[0])}  ${this.#explain(error)}`)
    if (errors.length > 0 || contents === null || (isScalar(contents) && contents.value === null)) return
    if (isMap(contents)) this.values = this.#document.toJS()
    else this.problems = [`${this.#at(0)}  settings expected, such as  server_name: example.org`]
  }

  has(path: readonly string[]): boolean {
    return this.#document.hasIn(path)
  }

  /** `config.yaml:12:3`, of the key if it stands in the file, else of the nearest section above it. */
  place(path: readonly string[]): string {
    for (let depth = path.length; depth > 0; depth--) {
      const key = this.#keyNode(path.slice(0, depth))
      if (key !== undefined) return this.#at(key)
    }
    return this.#name
  }

  /** Offset of the key of a setting, or of an item in a list. */
  #keyNode(path: readonly string[]): number | undefined {
    const name = path.at(-1)
    const parent: unknown = path.length > 1 ? this.#document.getIn(path.slice(0, -1), true) : this.#document.contents
    if (!isMap(parent)) {
      const item: unknown = this.#document.getIn(path, true)
      return isNode(item) ? item.range?.[0] : undefined
    }
    const key = parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name)?.key
    return isNode(key) ? key.range?.[0] : undefined
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#name}:${line}:${col}`
  }

  #explain(error: YAMLError): string {
    if (error.code === 'TAB_AS_INDENT') return 'a tab stands here; indent with spaces'
    if (error.code === 'DUPLICATE_KEY') return 'this key stands here a second time'
    return error.message
  }
}
