import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string // of our own package
}

/** Of this release, as in package.json. */
export const { version } = manifest
