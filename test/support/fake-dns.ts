import type { Dns, ServiceRecord } from '../../homeserver/platform/dns.ts'

/** Names of a test: by default every name is this machine. */
export class FakeDns implements Dns {
  readonly hosts = new Map<string, readonly string[]>()
  readonly records = new Map<string, readonly ServiceRecord[]>()
  /** Names whose addresses or services were asked for. */
  readonly asked: string[] = []

  addresses(host: string): Promise<readonly string[]> {
    this.asked.push(host)
    return Promise.resolve(this.hosts.get(host) ?? ['127.0.0.1'])
  }

  services(name: string): Promise<readonly ServiceRecord[]> {
    this.asked.push(name)
    return Promise.resolve(this.records.get(name) ?? [])
  }

  /** Lets a server be found at a port of this machine, under its bare name. */
  serve(serverName: string, port: number, host = 'localhost'): void {
    this.records.set(`_matrix-fed._tcp.${serverName}`, [{ name: host, port }])
  }
}
