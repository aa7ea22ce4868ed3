/** Element Web, where `npm run element:fetch` has put it; its `config.json` is made from the settings. */
import { open } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { elementConfig } from '../config/element/element.ts'
import { elementArchive, elementDirectory, elementRelease } from '../config/element/release.ts'
import { notFound } from '../core/errors.ts'
import { endpoint, type Pieces, Reply } from './endpoint.ts'

const common = { method: 'GET', auth: 'none', limit: 'none' } as const

const config = endpoint({
  ...common,
  path: '/element/config.json',
  handle: (_, services) => new Reply(200, elementConfig(services.config), { ...guards, 'Cache-Control': 'no-cache' }),
})

const enter = endpoint({
  ...common,
  path: '/element',
  handle: () => new Reply(308, undefined, { Location: '/element/' }),
})

/** No scripts but its own, its settings from nowhere else, and into no frame of others. WebAssembly is its cryptography. */
const guards = {
  'Content-Security-Policy':
    "script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'no-referrer',
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/vnd.microsoft.icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
}

/** Folders of files and nothing that leads out of them. */
const plainPath = /^(?:[\w@+-][\w.@+-]*\/)*[\w@+-][\w.@+-]*$/
/** What Element names after its content never changes. */
const isFixed = (path: string): boolean => /^(?:bundles|fonts|img)\//.test(path) && /\b[\da-f]{7,}\b/.test(path)

const file = endpoint({
  ...common,
  path: '/element/*',
  handle: async ({ path, request }, services) => {
    const asked = path.slice('/element/'.length)
    const name = asked === '' || asked.endsWith('/') ? `${asked}index.html` : asked
    if (!plainPath.test(name)) throw notFound('There is no such file')
    const found = await read(join(elementDirectory(services.config.data_dir), name))
    if (!found) throw notFound(name === 'index.html' ? NOT_HERE : 'There is no such file')
    const { size, etag, content } = found
    const headers = {
      ...guards,
      ETag: etag,
      'Cache-Control': isFixed(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
    }
    if (request.headers['if-none-match'] === etag) return new Reply(304, undefined, headers)
    const type = types[extname(name)] ?? 'application/octet-stream'
    return new Reply(200, content, { ...headers, 'Content-Type': type, 'Content-Length': String(size) })
  },
})

const NOT_HERE = `Element Web is not here: npm run element:fetch brings ${elementArchive(elementRelease)}`

export const hasElementWeb = async (dataDir: string): Promise<boolean> =>
  (await read(join(elementDirectory(dataDir), 'index.html'))) !== undefined

/** Undefined for what is no file. It is read when it is sent, and not before. */
async function read(path: string): Promise<{ size: number; etag: string; content: Pieces } | undefined> {
  try {
    await using handle = await open(path)
    const found = await handle.stat()
    if (!found.isFile()) return undefined
    const { size, mtimeMs } = found
    return { size, etag: `"${size.toString(36)}-${Math.trunc(mtimeMs).toString(36)}"`, content: piecesOf(path, size) }
  } catch {
    return undefined
  }
}

async function* piecesOf(path: string, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return
  await using handle = await open(path)
  yield* handle.createReadStream({ end: size - 1, highWaterMark: 256 * 1024, autoClose: false })
}

export const elementWebEndpoints = [config, enter, file]
