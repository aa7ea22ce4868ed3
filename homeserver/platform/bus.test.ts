import { expect, test } from '@jest/globals'
import { type Bell, MemoryBus } from './bus.ts'
import { configureLogging } from './log.ts'

const bell = (position: number): Bell => ({ stream: 'events', writer: 'main', position, keys: {} })

test('all listeners hear all bells in one order, also those rung by a listener', () => {
  const bus = new MemoryBus()
  const heard: string[] = []
  bus.subscribe(({ position }) => {
    heard.push(`a${position}`)
    if (position === 1) bus.publish(bell(2))
  })
  bus.subscribe(({ position }) => void heard.push(`b${position}`))
  bus.publish(bell(1))
  expect(heard).toEqual(['a1', 'b1', 'a2', 'b2'])
})

test('a listener that throws does not stop the others, and one that left hears nothing', () => {
  configureLogging({ level: 'off' })
  const bus = new MemoryBus()
  const heard: number[] = []
  bus.subscribe(() => {
    throw new Error('broken')
  })
  const listener = ({ position }: Bell): void => void heard.push(position)
  const leave = bus.subscribe(listener)
  bus.subscribe(listener)
  bus.publish(bell(1))
  leave()
  bus.publish(bell(2))
  expect(heard).toEqual([1, 1, 2])
  configureLogging({})
})
