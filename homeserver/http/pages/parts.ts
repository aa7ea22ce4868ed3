/** Pieces that several pages are made of. */
import { attributes, type Html, html, type Insert } from './html.ts'

export function errorNote(text: string | undefined): Html | undefined {
  return text === undefined ? undefined : html`<p class="error" role="alert">${text}</p>`
}

export function doneNote(text: string | undefined): Html | undefined {
  return text === undefined ? undefined : html`<p class="note" role="status">${text}</p>`
}

export interface FieldOptions {
  readonly name: string
  readonly label: string
  readonly type?: 'text' | 'password'
  readonly value?: string | undefined
  readonly autocomplete?: string
  readonly hint?: string | undefined
  readonly isOptional?: boolean
  readonly maxLength?: number
  readonly inputMode?: 'numeric'
  /** Shown large, sign by sign. */
  readonly isCode?: boolean
  /** Without the help that makes names into words. */
  readonly isPlain?: boolean
}

export function field({ label, hint, ...input }: FieldOptions): Html {
  const {
    name,
    type = 'text',
    value,
    autocomplete = 'off',
    isOptional,
    maxLength = 512,
    isPlain,
    inputMode,
    isCode,
  } = input
  const plain = isPlain === true ? { autocapitalize: 'none', autocorrect: 'off', spellcheck: 'false' } : {}
  const shape = {
    type,
    name,
    value,
    autocomplete,
    maxlength: maxLength,
    required: isOptional !== true,
    inputmode: inputMode,
    class: isCode === true && 'code',
    ...plain,
  }
  return html`<label>
    <span>${label}</span>
    <input ${attributes(shape)} />
    ${hint !== undefined && html`<small>${hint}</small>`}
  </label>`
}

/** One of several: value and text of each. */
export function select({
  name,
  label,
  hint,
  options,
}: {
  readonly name: string
  readonly label: string
  readonly hint: string
  readonly options: readonly (readonly [value: string, text: string])[]
}): Html {
  return html`<label>
    <span>${label}</span>
    <select name="${name}">
      ${options.map(([value, text]) => html`<option value="${value}">${text}</option>`)}
    </select>
    <small>${hint}</small>
  </label>`
}

export function checkbox({ name, label, isRequired }: { name: string; label: Insert; isRequired?: boolean }): Html {
  return html`<label class="check">
    <input ${attributes({ type: 'checkbox', name, value: 'yes', required: isRequired })} />
    <span>${label}</span>
  </label>`
}
