/**
 * Loaded into the server program before anything else, by `node --import`: the process kills itself at the step of a
 * transaction that its parent names. The server knows nothing of it.
 *
 * The steps of a transaction: it has begun, each of its statements has run, its commit is under way, it is committed and
 * nobody has heard of it, its caller is about to.
 */
import { Database, type Tx, type Value } from '../../homeserver/storage/database.ts'

/** What the parent sends: the step of the next transaction of this name, counted from 1. */
export interface Failpoint {
  readonly transaction: string
  readonly step: number
}

/** What the parent hears when that transaction had fewer steps. */
export interface Survived {
  readonly steps: number
}

class Countdown {
  readonly #step: number
  #passed = 0

  constructor(step: number) {
    this.#step = step
  }

  get passed(): number {
    return this.#passed
  }

  pass(): void {
    if (this.isNext()) die()
  }

  isNext(): boolean {
    return ++this.#passed === this.#step
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** The transaction, counting its statements. */
function counted(tx: Tx, countdown: Countdown): Tx {
  const after = async <T>(result: Promise<T>): Promise<T> => {
    const value = await result
    countdown.pass()
    return value
  }
  return {
    name: tx.name,
    dialect: tx.dialect,
    rows: <Row>(sql: string, bindings?: readonly Value[]) => after(tx.rows<Row>(sql, bindings)),
    row: <Row>(sql: string, bindings?: readonly Value[]) => after(tx.row<Row>(sql, bindings)),
    run: (sql, bindings) => after(tx.run(sql, bindings)),
    onCommit: (fn) => tx.onCommit(fn),
    onRollback: (fn) => tx.onRollback(fn),
  }
}

function install(): void {
  const first = process.env['DRILL_FAILPOINT'] // for what a program does before it could be told
  let armed = first === undefined ? undefined : (JSON.parse(first) as Failpoint)
  process.on('message', (message) => {
    armed = message as Failpoint // from our own parent
    process.send?.('armed')
  })
  process.channel?.unref()
  const original = Object.getOwnPropertyDescriptor(Database.prototype, 'transaction')?.value as Database['transaction']
  Database.prototype.transaction = async function <T>(name: string, fn: (tx: Tx) => Promise<T>): Promise<T> {
    if (armed?.transaction !== name) return (await original.call(this, name, fn as () => Promise<unknown>)) as T
    const countdown = new Countdown(armed.step)
    armed = undefined
    const result = await original.call(this, name, async (tx) => {
      tx.onCommit(() => countdown.pass())
      countdown.pass()
      const made = await fn(counted(tx, countdown))
      if (countdown.isNext()) setImmediate(die) // the commit is given to another thread or to the network before that
      return made
    })
    countdown.pass()
    process.send?.({ steps: countdown.passed } satisfies Survived)
    return result as T
  }
}

install()
