/** A password, from a terminal without showing it, or from the first line of standard input. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CommandError } from './command.ts'

export interface PasswordPrompt {
  readonly name?: string
  /** A new one is asked for twice. */
  readonly isNew: boolean
}

export async function readPassword({ name = 'Password', isNew }: PasswordPrompt): Promise<string> {
  const { stdin, stdout } = process
  if (!stdin.isTTY) {
    for await (const line of createInterface({ input: stdin })) return line
    throw new CommandError(`There is no ${name.toLowerCase()} on standard input`)
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const ask = async (question: string): Promise<string> => {
    stdout.write(question)
    const terminal = createInterface({ input: stdin, output: silent, terminal: true })
    try {
      return await terminal.question('')
    } finally {
      terminal.close()
      stdout.write('\n')
    }
  }
  const password = await ask(`${name}: `)
  if (isNew && (await ask('Once more: ')) !== password) throw new CommandError('The two differ')
  return password
}
