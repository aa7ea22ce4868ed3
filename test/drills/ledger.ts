/** What the server has acknowledged to the writers of a drill. */
export class Ledger {
  /** Events by their mark, which is in their content. */
  readonly events = new Map<string, { readonly roomId: string; readonly eventId: string }>()
  /** Redacted events, with the redaction. */
  readonly redactions = new Map<string, string>()
  /** Marks of messages to the observer's device. */
  readonly toDevice = new Set<string>()
  /** Last state a writer set, by room and state key. */
  readonly state = new Map<string, { readonly roomId: string; readonly stateKey: string; readonly mark: string }>()
  /** Last membership a writer asked for in the lobby. */
  readonly memberships = new Map<string, 'join' | 'leave'>()

  get acknowledged(): number {
    return this.events.size + this.redactions.size + this.toDevice.size
  }
}
