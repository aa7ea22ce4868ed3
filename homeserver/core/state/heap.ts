/** A binary heap: `pop` takes out the item that comes before all others. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #comesFirst: (a: Item, b: Item) => boolean

  constructor(comesFirst: (a: Item, b: Item) => boolean) {
    this.#comesFirst = comesFirst
  }

  push(item: Item): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = items[parentAt]
      if (parent === undefined || !this.#comesFirst(item, parent)) break
      items[at] = parent
      at = parentAt
    }
    items[at] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) this.#sink(last)
    return top
  }

  /** Finds the place of an item, from the top down. */
  #sink(item: Item): void {
    const items = this.#items
    let at = 0
    for (;;) {
      const leftAt = 2 * at + 1
      const left = items[leftAt]
      const right = items[leftAt + 1]
      if (left === undefined) break
      const rightWins = right !== undefined && this.#comesFirst(right, left)
      const child = rightWins ? right : left
      if (!this.#comesFirst(child, item)) break
      items[at] = child
      at = rightWins ? leftAt + 1 : leftAt
    }
    items[at] = item
  }
}
