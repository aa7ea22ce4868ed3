/**
 * Loaded into the server program before anything else, by `node --import`: its wall clock goes wrong when its parent says
 * so, all at once. Timers and `performance.now` go on, as those of a system do whose clock is set.
 */

/** What the parent sends; it hears of it when the hands are turned. */
export interface Turn {
  /** Milliseconds, to the right time. */
  readonly offBy: number
}

function install(): void {
  const rightTime = Date.now
  let offBy = 0
  Date.now = () => rightTime() + offBy
  process.on('message', (message) => {
    offBy = (message as Turn).offBy // from our own parent
    process.send?.('turned')
  })
  process.channel?.unref()
}

install()
