import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { download, media, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'

/** As uploaded, as served where that differs, and whether a browser may show it in place. */
const types: readonly (readonly [uploaded: string, disposition: 'inline' | 'attachment', served?: string])[] = [
  ['text/css', 'inline'],
  ['text/plain', 'inline'],
  ['text/csv', 'inline'],
  ['application/json', 'inline'],
  ['application/ld+json', 'inline'],
  ['image/jpeg', 'inline'],
  ['image/gif', 'inline'],
  ['image/png', 'inline'],
  ['image/apng', 'inline'],
  ['image/webp', 'inline'],
  ['image/avif', 'inline'],
  ['video/mp4', 'inline'],
  ['video/webm', 'inline'],
  ['video/ogg', 'inline'],
  ['video/quicktime', 'inline'],
  ['audio/mp4', 'inline'],
  ['audio/webm', 'inline'],
  ['audio/aac', 'inline'],
  ['audio/mpeg', 'inline'],
  ['audio/ogg', 'inline'],
  ['audio/wave', 'inline'],
  ['audio/wav', 'inline'],
  ['audio/x-wav', 'inline'],
  ['audio/x-pn-wav', 'inline'],
  ['audio/flac', 'inline'],
  ['audio/x-flac', 'inline'],
  ['IMAGE/PNG', 'inline', 'image/png'],
  ['audio/ogg; codecs=opus', 'inline', 'audio/ogg'],
  ['text/plain; format=flowed; charset="UTF-8"', 'inline', 'text/plain; charset=utf-8'],
  ['text/plain;charset=x;<script>', 'inline', 'text/plain; charset=x'],
  ['text/html', 'attachment'],
  ['text/html;image/png', 'attachment', 'text/html'],
  ['TEXT/HTML', 'attachment', 'text/html'],
  ['application/xhtml+xml', 'attachment'],
  ['image/svg+xml', 'attachment'],
  ['image/svg+xml; charset=utf-8', 'attachment'],
  ['text/xml', 'attachment'],
  ['application/xml', 'attachment'],
  ['text/javascript', 'attachment'],
  ['application/javascript', 'attachment'],
  ['application/pdf', 'attachment'],
  ['application/x-shockwave-flash', 'attachment'],
  ['multipart/form-data', 'attachment'],
  ['message/rfc822', 'attachment'],
  ['image/png, text/html', 'attachment', 'application/octet-stream'],
  ['image/png text/html', 'attachment', 'application/octet-stream'],
  ['image', 'attachment', 'application/octet-stream'],
  ['*/*', 'attachment'],
  [`text/${'x'.repeat(300)}`, 'attachment', 'application/octet-stream'],
]

forEachDatabase(({ freshUrl }) => {
  test(`T76: of ${types.length} types those alone are shown in place that cannot run a script, all of them in a sandbox`, async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    for (const [type, disposition, served = type] of types) {
      const mxc = await upload(alice, '<script>alert(1)</script>', type)
      const { status, headers } = await download(alice, `${media}/download/${mxc}`)
      expect({ type, status, disposition: headers.get('content-disposition') }).toEqual({
        type,
        status: 200,
        disposition,
      })
      expect(headers.get('content-type')).toBe(served)
      expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'; script-src 'none';/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
    }
  })
})
