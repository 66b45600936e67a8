/** Several requests in one: request in, response out. Wire: https://learn.microsoft.com/graph/json-batching */
import type { FailedAnswer } from '../../lib/http/connection.ts'
import { defined, listOf, numberOf, objectOf, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { Batch } from './operations.ts'
import { graph, jsonBody, readJson } from './wire.ts'
import type { GraphOperation } from './wire.ts'

export const MAX_BATCH = 20

export interface BatchRequest {
  /** Unique among the requests; default: its place. */
  id?: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the endpoint and escaped, such as `/me/drive/items/{id}`. */
  url: string
  headers?: Record<string, string>
  /** JSON; bytes go as base64. */
  body?: object
  /** Ids of requests that must succeed before. */
  dependsOn?: string[]
}

export type NumberedRequest = BatchRequest & { id: string }

export interface BatchPart {
  id: string
  status: number
  /** Lower-case names. */
  headers: Record<string, string>
  /** An object where the part has JSON, else a text: base64 of what is no JSON. */
  body: unknown
}

export function batch (requests: readonly NumberedRequest[]): GraphOperation<BatchPart[]> {
  const action = `run a batch of ${requests.length} requests`
  const { body, headers } = jsonBody({ requests: requests.map(writeRequest) })
  return {
    description: Batch,
    action,
    subject: { requests: requests.length },
    method: 'POST',
    where: graph('/$batch'),
    headers,
    body,
    read: async response => listOf((await readJson(response, action))['responses']).flatMap(readPart)
  }
}

function writeRequest ({ id, method, url, headers, body, dependsOn }: NumberedRequest): object {
  const bytes = body instanceof Uint8Array ? Buffer.from(body).toString('base64') : undefined
  const typed = body === undefined || bytes !== undefined ? headers : { 'content-type': 'application/json', ...headers }
  return defined({ id, method, url, headers: typed, body: bytes ?? body, dependsOn })
}

function readPart (value: unknown): BatchPart[] {
  const json = objectOf(value)
  const id = textOf(json?.['id'])
  if (json === undefined || id === undefined) return []
  return [{ id, status: numberOf(json['status']) ?? 0, headers: readHeaders(objectOf(json['headers']) ?? {}), body: json['body'] }]
}

function readHeaders (json: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

/** A part as the answer that it would have been alone. */
export function answerOf ({ status, headers, body }: BatchPart): FailedAnswer {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body ?? '') }
}
