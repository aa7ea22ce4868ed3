import { expect, test } from '@jest/globals'
import { allowsServer, compileAcl } from './server-acl.ts'

test.each([
  [{}, 'hs.test', false],
  [{ allow: ['*'] }, 'hs.test', true],
  [{ allow: ['*'], deny: ['evil.test'] }, 'evil.test', false],
  [{ allow: ['*'], deny: ['evil.test'] }, 'EVIL.test:8448', false],
  [{ allow: ['*'], deny: ['EVIL.test'] }, 'evil.test', false],
  [{ allow: ['*'], deny: ['*.evil.test'] }, 'a.evil.test:1', false],
  [{ allow: ['*'], deny: ['*.evil.test'] }, 'evil.test', true],
  [{ allow: ['h?.test'] }, 'hs.test', true],
  [{ allow: ['h?.test'] }, 'h.test', false],
  [{ allow: ['*'], allow_ip_literals: false }, '127.0.0.1:8448', false],
  [{ allow: ['*'], allow_ip_literals: false }, '[::1]:8448', false],
  [{ allow: ['*'], allow_ip_literals: 'no' }, '127.0.0.1', true],
  [{ allow: '*', deny: [] }, 'hs.test', false],
  [{ allow: ['*', 1], deny: [null] }, 'hs.test', true],
])('T51: %j and %s: %p', (acl, server, expected) => {
  expect(allowsServer(acl, server)).toBe(expected)
})

test('T19: an ACL of as many wildcards as fit into an event takes time in proportion to its length', () => {
  const deny = Array.from({ length: 6_500 }, (_, n) => `*?*?*${n.toString(36)}-`)
  const allows = compileAcl({ allow: ['*'], deny })
  const started = performance.now()
  expect(allows(`${'a'.repeat(200)}.test`)).toBe(true)
  expect(performance.now() - started).toBeLessThan(500)
})
