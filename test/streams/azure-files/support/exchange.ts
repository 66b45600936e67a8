import type { Readable } from 'node:stream'
import type { HttpResponse } from '../../../../lib/http/call.ts'
import { ResponseBody } from '../../../../lib/http/response-body.ts'

/** An answer as an operation reads it. */
export function answer (status: number, headers: Record<string, string> = {}, body = ''): HttpResponse {
  const flow = { pause: (): void => undefined, resume: (): void => undefined, abort: (): void => undefined }
  const received = new ResponseBody(flow)
  if (body !== '') received.receive(Buffer.from(body))
  received.finish()
  return { status, headers, body: received }
}

export async function textOf (stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
