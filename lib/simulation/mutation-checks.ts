/** A script of mutations is refused as a whole, before anything is sent, with what is wrong in it. */
import { ConfigurationError } from '../errors.ts'
import type { Mutation, Trouble } from './mutations.ts'

type Check = readonly [isGood: (value: unknown) => boolean, wanted: string]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1
const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)
const isByte = (name: string) => (value: unknown): boolean => isRecord(value) && Number.isInteger(value[name]) && (value[name] as number) >= 0
const isRequestByte = isByte('requestByte')
const isResponseByte = isByte('responseByte')
const isStatus = (lowest: number) => (value: unknown): boolean => Number.isInteger(value) && (value as number) >= lowest && (value as number) <= 599
const oneOf = (...words: string[]): Check => [value => words.includes(value as string), `one of ${words.map(word => `"${word}"`).join(', ')}`]

const TEXT: Check = [isText, 'a text that is not empty']
const TRUE: Check = [value => value === true, 'true']
const BYTES = '{ requestByte: n } or { responseByte: n } with a whole number of 0 or more'

const TARGET_CHECKS: Record<string, Check> = {
  service: TEXT,
  operation: [value => isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText)), 'a name or a list of names'],
  method: TEXT,
  path: [value => isText(value) || value instanceof RegExp, 'a text that is not empty or a RegExp'],
  nth: [isCount, 'a whole number of 1 or more'],
  times: [value => value === Infinity || isCount(value), 'a whole number of 1 or more, or Infinity'],
  chance: [value => isNumber(value) && value > 0 && value <= 1, 'a number above 0 and at most 1']
}

const TROUBLE_CHECKS: Record<keyof Trouble, Check> = {
  connect: oneOf('refused', 'unreachable', 'unknown-host', 'timeout', 'tls-handshake', 'expired-certificate', 'self-signed-certificate', 'wrong-host-certificate'),
  reset: [value => value === 'before' || isRequestByte(value) || isResponseByte(value), `"before", ${BYTES}`],
  truncate: [isTruncation, '{ responseByte: n } with a whole number of 0 or more, and length "kept" or "fits"'],
  stall: [value => value === 'response' || isResponseByte(value), '"response" or { responseByte: n } with a whole number of 0 or more'],
  loseAnswer: TRUE,
  loseAnswerWith: [isStatus(400), 'a status from 400 to 599'],
  status: [isStatus(200), 'a status from 200 to 599'],
  retryAfter: [value => isText(value) || (isNumber(value) && value >= 0), 'a number of seconds or an HTTP date'],
  body: TEXT,
  html: TRUE,
  redirect: TEXT,
  protocol: oneOf('garbage', 'header-overflow', 'length-mismatch'),
  flipBit: [value => isRequestByte(value) || isResponseByte(value), BYTES],
  headers: [isHeaders, 'names with a text, a list of texts or null'],
  rewrite: [isRewrite, '{ find: text or RegExp, replace: text }'],
  changeObject: TRUE,
  latencyMs: [value => isNumber(value) && value >= 0 && value < 2 ** 31, 'a number of 0 or more that timers can take'],
  bytesPerSecond: [value => isNumber(value) && value > 0, 'a number above 0']
}

const ENDINGS = ['connect', 'reset', 'truncate', 'stall', 'loseAnswer', 'loseAnswerWith', 'status', 'redirect', 'protocol'] as const
const CHANGES = ['flipBit', 'headers', 'rewrite', 'changeObject'] as const
const OF_STATUS = ['retryAfter', 'body', 'html'] as const

/** @throws {ConfigurationError} naming the mutation, counted from 1, and what is wrong with it. */
export function checkMutations (mutations: readonly Mutation[]): void {
  if (!Array.isArray(mutations)) throw new ConfigurationError(`Cannot use the mutations as they must be a list: received ${show(mutations)}`)
  for (const [index, mutation] of mutations.entries()) {
    const wrong = whatIsWrong(mutation)
    if (wrong !== undefined) throw new ConfigurationError(`Cannot use mutation ${index + 1} as ${wrong}`)
  }
}

function whatIsWrong (mutation: unknown): string | undefined {
  if (!isRecord(mutation)) return `it must be { on?, do }: received ${show(mutation)}`
  const unknown = Object.keys(mutation).find(name => name !== 'on' && name !== 'do')
  if (unknown !== undefined) return `it has an unknown "${unknown}": wanted "on" and "do"`
  return wrongFields('on', mutation['on'] ?? {}, TARGET_CHECKS) ?? wrongFields('do', mutation['do'], TROUBLE_CHECKS) ?? wrongTogether(mutation['do'] as Trouble)
}

function wrongFields (place: string, given: unknown, checks: Record<string, Check>): string | undefined {
  if (!isRecord(given)) return `"${place}" must be an object: received ${show(given)}`
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined) return `${place}.${name} is unknown: wanted one of ${Object.keys(checks).join(', ')}`
    if (!check[0](value)) return `${place}.${name} must be ${check[1]}: received ${show(value)}`
  }
  return undefined
}

function wrongTogether (trouble: Trouble): string | undefined {
  const has = (name: keyof Trouble): boolean => trouble[name] !== undefined
  if (!(Object.keys(TROUBLE_CHECKS) as Array<keyof Trouble>).some(has)) return '"do" has nothing in it'
  const endings = ENDINGS.filter(has)
  if (endings.length > 1) return `${endings.join(' and ')} cannot both end one request`
  const idle = OF_STATUS.find(name => has(name) && !has('status'))
  if (idle !== undefined) return `do.${idle} needs do.status`
  const change = CHANGES.find(has)
  if (change !== undefined && endings[0] !== undefined && !leavesAnAnswer(trouble)) return `do.${change} needs an answer, of which do.${endings[0]} leaves none`
  return undefined
}

function leavesAnAnswer ({ reset, stall, truncate }: Trouble): boolean {
  return truncate !== undefined || isResponseByte(reset) || isResponseByte(stall)
}

function isTruncation (value: unknown): boolean {
  return isResponseByte(value) && ['kept', 'fits', undefined].includes((value as { length?: string }).length)
}

function isHeaders (value: unknown): boolean {
  const isValue = (header: unknown): boolean => typeof header === 'string' || header === null || (Array.isArray(header) && header.every(one => typeof one === 'string'))
  return isRecord(value) && Object.keys(value).length > 0 && Object.values(value).every(isValue)
}

function isRewrite (value: unknown): boolean {
  return isRecord(value) && (isText(value['find']) || value['find'] instanceof RegExp) && typeof value['replace'] === 'string'
}

function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show (value: unknown): string {
  return value instanceof RegExp || typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value)
}
