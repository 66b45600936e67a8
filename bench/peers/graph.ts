import type { Readable } from 'node:stream'
import { Client, OneDriveLargeFileUploadTask, StreamUpload } from '@microsoft/microsoft-graph-client'
import type { Context, Middleware } from '@microsoft/microsoft-graph-client'
import type { Work } from '../harness/compare.ts'

/** The client takes full addresses for such only when they begin so. */
const GRAPH = 'https://graph.microsoft.com'

class LoopbackHandler implements Middleware {
  readonly #endpoint: string

  constructor (endpoint: string) {
    this.#endpoint = endpoint
  }

  async execute (context: Context): Promise<void> {
    // The client tells the length and fetch does too: undici 7, where it serves the global fetch, refuses two.
    const headers = new Headers(context.options?.headers as Record<string, string>)
    headers.delete('content-length')
    context.response = await fetch(String(context.request).replace(GRAPH, this.#endpoint), { ...context.options as RequestInit, headers })
  }
}

export function graphUpload (endpoint: string, fragmentSize: number, source: (size: number) => Readable): Work {
  const client = Client.initWithMiddleware({ middleware: new LoopbackHandler(endpoint) })
  return async size => {
    const session = { url: `${GRAPH}/onedrive/session`, expiry: new Date('2099-01-01') }
    await new OneDriveLargeFileUploadTask(client, new StreamUpload(source(size), 'object', size), session, { rangeSize: fragmentSize }).upload()
  }
}
