import type { Answer } from '../service.ts'
import { bucketOf, type Call, xmlAnswer } from './call.ts'
import { errorForStatus, malformedXml } from './errors.ts'
import { MAX_DELETE_KEYS } from './limits.ts'
import { receiveText } from './receive.ts'
import { branch, childrenOf, document, leaf, parseDocument, textOf } from './xml.ts'

/** Absent keys count as deleted, and `Quiet` is checked and then ignored: all keys are listed. */
export async function deleteObjects (call: Call): Promise<Answer> {
  const bucket = bucketOf(call)
  const keys = parseKeys(await receiveText(call))
  const failing = new Set(keys.filter(key => isToFail(key, call.exchange.effects.failKeys?.keys)))
  const error = errorForStatus(500, call.exchange.effects.failKeys?.code)
  for (const key of keys) if (!failing.has(key)) await call.context.state.deleteObject(bucket, key)
  const result = document('DeleteResult', keys.map(key => failing.has(key)
    ? branch('Error', leaf('Key', key), leaf('Code', error.code), leaf('Message', error.message))
    : branch('Deleted', leaf('Key', key))))
  return { ...xmlAnswer(result), done: keys.filter(key => !failing.has(key)).map(key => ({ operation: 'DeleteObject', key })) }
}

function isToFail (key: string, keys: RegExp | readonly string[] | undefined): boolean {
  if (keys === undefined) return false
  return keys instanceof RegExp ? key.search(keys) !== -1 : keys.includes(key)
}

function parseKeys (text: string): string[] {
  const request = parseDocument(text, 'Delete')
  if (request === undefined) throw malformedXml()
  const keys = childrenOf(request, 'Object').map(object => {
    const key = textOf(object, 'Key')
    if (key === undefined) throw malformedXml()
    return key
  })
  if (keys.length === 0 || keys.length > MAX_DELETE_KEYS) throw malformedXml()
  const quiet = textOf(request, 'Quiet')
  if (quiet !== undefined && quiet !== 'true' && quiet !== 'false') throw malformedXml()
  return keys
}
