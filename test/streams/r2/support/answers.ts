import type { HttpResponse } from '../../../../lib/http/call.ts'
import { ResponseBody } from '../../../../lib/http/response-body.ts'

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
const socket = { pause: () => {}, resume: () => {}, abort: () => {} }

/** An answer as the exchange gives it, its body already there. */
export function answer (body: string | Buffer = '', headers: Record<string, string> = {}, status = 200): HttpResponse {
  const stream = new ResponseBody(socket)
  if (body.length > 0) stream.receive(Buffer.from(body))
  stream.finish()
  return { status, headers, body: stream }
}

/** A document as R2 sends it: declaration, root with the namespace, content. */
export function xml (root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><${root} ${NAMESPACE}>${content}</${root}>`
}

/** R2's errors have neither a namespace nor more than these two. */
export function errorXml (code: string, message = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
}
