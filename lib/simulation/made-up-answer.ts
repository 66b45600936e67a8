import { STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Trouble } from './mutations.ts'

/** An answer that the service never gave. */
export interface MadeUpAnswer {
  status: number
  text: string
  headers: Record<string, string>
  body: Buffer
}

const PAGE = '<html><head><title>Error</title></head><body><h1>The upstream server is not available</h1></body></html>'

export function madeUpAnswer (status: number, headers: Record<string, string> = {}, content = ''): MadeUpAnswer {
  const body = Buffer.from(content)
  return { status, text: STATUS_CODES[status] ?? '', headers: { ...headers, 'content-length': String(body.length) }, body }
}

export function answerOf ({ retryAfter, body, html }: Trouble, status: number): MadeUpAnswer {
  const type = html === true ? 'text/html' : body?.startsWith('{') === true ? 'application/json' : body === undefined ? undefined : 'application/xml'
  return madeUpAnswer(status, {
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...(type === undefined ? {} : { 'content-type': type })
  }, body ?? (html === true ? PAGE : ''))
}

/** @param location `loop` for that of the request itself. */
export function redirection (location: string, { origin, path }: Dispatcher.DispatchOptions): MadeUpAnswer {
  return madeUpAnswer(302, { location: location === 'loop' ? String(origin) + path : location })
}
