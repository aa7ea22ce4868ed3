import { inspect } from 'node:util'

const mask = '[redacted]'

/** A value that no log, error or dump shows (T95); only `reveal` gives it. */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return mask
  }

  toJSON(): string {
    return mask
  }

  [inspect.custom](): string {
    return mask
  }
}
