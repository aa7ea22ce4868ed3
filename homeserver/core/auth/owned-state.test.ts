import { expect, test } from '@jest/globals'
import { ownerOf } from './owned-state.ts'

test.each([
  ['@ann:a.example', '@ann:a.example'],
  ['@ann:a.example_', '@ann:a.example'],
  ['@ann_b:a.example:8448_key:!@#_$', '@ann_b:a.example:8448'],
  ['@prefix_@ann:a.example_key', '@prefix_@ann:a.example'],
  ['@ann:a.example@key', undefined],
  ['@oops', undefined],
  ['ann:a.example', undefined],
  ['', undefined],
])('state under %j belongs to %j', (stateKey, owner) => {
  expect(ownerOf(stateKey)).toBe(owner)
})
