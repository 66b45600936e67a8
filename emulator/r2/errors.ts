/** R2's errors: one line of XML, two elements, no namespace. Messages are the service's own where they were captured. */
import { errorXml } from './xml.ts'
import type { Answer } from '../service.ts'

export class R2Error extends Error {
  override name = 'R2Error'
  readonly status: number
  readonly code: string
  /** Elements after Message. */
  readonly details: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>

  constructor (status: number, code: string, message: string, details: Record<string, string> = {}, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
    this.headers = headers
  }

  toAnswer (): Answer {
    return {
      status: this.status,
      headers: { 'Content-Type': 'application/xml', ...this.headers },
      body: errorXml(this.code, this.message, this.details)
    }
  }
}

const DEFAULTS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  400: ['InvalidRequest', 'The request is not valid.'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['AccessDenied', 'Access Denied'],
  404: ['NoSuchKey', 'The specified key does not exist.'],
  412: ['PreconditionFailed', 'At least one of the pre-conditions you specified did not hold.'],
  429: ['ServiceUnavailable', 'Reduce your concurrent request rate for the same object.'],
  500: ['InternalError', 'We encountered an internal error. Please try again.'],
  503: ['ServiceUnavailable', 'Please try again later.']
}

/** The error that R2 would most likely give with this status. */
export function errorForStatus (status: number, code?: string, message?: string): R2Error {
  const [usualCode, usualMessage] = DEFAULTS[status] ?? (status >= 500 ? DEFAULTS[500] : DEFAULTS[400]) ?? ['InternalError', 'Error']
  return new R2Error(status, code ?? usualCode, message ?? usualMessage)
}

export const invalidArgument = (message: string): R2Error => new R2Error(400, 'InvalidArgument', message)
export const invalidRequest = (message: string): R2Error => new R2Error(400, 'InvalidRequest', message)
export const invalidPart = (message: string): R2Error => new R2Error(400, 'InvalidPart', message)
export const unauthorized = (): R2Error => errorForStatus(401)
export const preconditionFailed = (): R2Error => errorForStatus(412)
export const noSuchKey = (): R2Error => errorForStatus(404)
export const noSuchBucket = (): R2Error => new R2Error(404, 'NoSuchBucket', 'The specified bucket does not exist.')
export const noSuchUpload = (): R2Error => new R2Error(404, 'NoSuchUpload', 'The specified multipart upload does not exist.')
export const routeNotFound = (): R2Error => new R2Error(404, 'RouteNotFound', 'No route matches this url.')
export const invalidRange = (): R2Error => new R2Error(416, 'InvalidRange', 'The requested range is not satisfiable')
export const notImplemented = (what: string): R2Error => new R2Error(501, 'NotImplemented', `${what} not implemented`)

export const headerNotImplemented = (name: string, value: string): R2Error =>
  notImplemented(`Header '${name}' with value '${value}'`)

export const malformedXml = (): R2Error =>
  new R2Error(400, 'MalformedXML', 'The XML you provided was not well formed or did not validate against our published schema.')

export const entityTooLarge = (): R2Error =>
  new R2Error(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed object size.')

export const entityTooSmall = (): R2Error =>
  new R2Error(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed object size.')

export const invalidDigest = (): R2Error =>
  new R2Error(400, 'InvalidDigest', 'The checksum or Content-MD5 you specified is not valid.')

/** Names the algorithm as it is written in prose: `MD5`, `CRC32`. */
export const badDigest = (algorithm: string, provided: string, actual: string): R2Error => new R2Error(400, 'BadDigest',
  `The ${algorithm} checksum you specified did not match what we received.\n` +
  `You provided a ${algorithm} checksum with value: ${provided}\nActual ${algorithm} was: ${actual}`)

export const incompleteBody = (): R2Error =>
  new R2Error(400, 'IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length HTTP header.')

export const tooManyWrites = (): R2Error =>
  new R2Error(429, 'ServiceUnavailable', 'Reduce your concurrent request rate for the same object.', {}, { 'Retry-After': '5' })
