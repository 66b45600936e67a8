/**
 * SSE-C: objects that only open with the customer's key. The emulator checks the key as R2 does and does not encrypt:
 * its bodies are private files of this process.
 */
import { createHash } from 'node:crypto'
import { invalidArgument, invalidRequest, R2Error } from './errors.ts'

type Headers = Readonly<Record<string, string | undefined>>

const NEEDS = 'Requests specifying Server Side Encryption with Customer provided keys must provide'
const KEY_BYTES = 32

/** Base64 MD5 of the key in the request, or undefined when it brings none. `prefix` is `x-amz-` or `x-amz-copy-source-`. */
export function readCustomerKey (headers: Headers, prefix = 'x-amz-'): string | undefined {
  const name = `${prefix}server-side-encryption-customer-`
  const algorithm = headers[`${name}algorithm`]
  const key = headers[`${name}key`]
  const md5 = headers[`${name}key-md5`]
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined
  // The three are asked for in this order, and only then is the algorithm looked at.
  if (key === undefined) throw invalidArgument(`${NEEDS} an appropriate secret key.`)
  if (md5 === undefined) throw invalidArgument(`${NEEDS} the client calculated MD5 of the secret key.`)
  if (algorithm === undefined) throw invalidArgument(`${NEEDS} a valid encryption algorithm.`)
  if (algorithm !== 'AES256') {
    throw new R2Error(400, 'InvalidEncryptionAlgorithmError', 'The encryption request that you specified is not valid. The valid value is AES256.')
  }
  const bytes = Buffer.from(key, 'base64')
  if (bytes.length !== KEY_BYTES) throw invalidArgument('The secret key was invalid for the specified algorithm.')
  if (createHash('md5').update(bytes).digest('base64') !== md5) {
    throw invalidArgument('The calculated MD5 hash of the key did not match the hash that was provided.')
  }
  return md5
}

/** @throws {R2Error} unless the key given is the one that closed the object, or there is none on either side */
export function checkCustomerKey (given: string | undefined, wanted: string | undefined): void {
  if (given === wanted) return
  if (wanted === undefined) throw invalidRequest('The encryption parameters are not applicable to this object.')
  if (given === undefined) {
    throw invalidRequest('The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.')
  }
  throw new R2Error(403, 'AccessDenied', 'Access Denied')
}

export function customerKeyHeaders (md5: string | undefined): Record<string, string> {
  if (md5 === undefined) return {}
  return { 'x-amz-server-side-encryption-customer-algorithm': 'AES256', 'x-amz-server-side-encryption-customer-key-MD5': md5 }
}
