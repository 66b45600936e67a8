/** Browsers: preflights, and the headers that let a page see an answer, by the rules that were put on the bucket. */
import type { Answer, RequestHead } from '../service.ts'
import { R2Error } from './errors.ts'
import type { Bucket } from './state.ts'
import { childrenOf, parseDocument, type Parsed, textOf } from './xml.ts'

interface CorsRule {
  origins: string[]
  methods: string[]
  headers: string[]
  exposed: string[]
  maxAge: string | undefined
}

/** Answered without a signature, since browsers send none. */
export function preflight ({ headers }: RequestHead, bucket: Bucket | undefined): Answer {
  const origin = headers['origin']
  const method = headers['access-control-request-method']
  const asked = (headers['access-control-request-headers'] ?? '').split(',').map(name => name.trim().toLowerCase()).filter(Boolean)
  const rule = origin === undefined || method === undefined ? undefined : findRule(bucket, origin, method)
  if (origin === undefined || rule === undefined || !asked.every(name => matchesAny(rule.headers, name))) {
    return new R2Error(403, 'Unauthorized', 'CORS not configured for this bucket').toAnswer()
  }
  return {
    status: 204,
    headers: {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Methods': rule.methods.join(', '),
      ...(asked.length === 0 ? {} : { 'Access-Control-Allow-Headers': asked.join(', ') }),
      ...(rule.maxAge === undefined ? {} : { 'Access-Control-Max-Age': rule.maxAge }),
      Vary: 'Origin, Access-Control-Request-Headers'
    }
  }
}

export function corsHeaders ({ method, headers }: RequestHead, bucket: Bucket | undefined): Record<string, string> {
  const origin = headers['origin']
  const rule = origin === undefined ? undefined : findRule(bucket, origin, method)
  if (origin === undefined || rule === undefined) return {}
  return {
    'Access-Control-Allow-Origin': origin,
    ...(rule.exposed.length === 0 ? {} : { 'Access-Control-Expose-Headers': rule.exposed.join(', ') })
  }
}

function findRule (bucket: Bucket | undefined, origin: string, method: string): CorsRule | undefined {
  const text = bucket?.settings.cors
  if (text === undefined) return undefined
  const configuration = parseDocument(text, 'CORSConfiguration') ?? ''
  return childrenOf(configuration, 'CORSRule').map(readRule)
    .find(rule => matchesAny(rule.origins, origin) && rule.methods.includes(method))
}

function readRule (rule: Parsed): CorsRule {
  const texts = (name: string): string[] => childrenOf(rule, name).filter(child => typeof child === 'string')
  return {
    origins: texts('AllowedOrigin'),
    methods: texts('AllowedMethod'),
    headers: texts('AllowedHeader').map(name => name.toLowerCase()),
    exposed: texts('ExposeHeader'),
    maxAge: textOf(rule, 'MaxAgeSeconds')
  }
}

/** A pattern holds at most one `*`. */
function matchesAny (patterns: readonly string[], text: string): boolean {
  return patterns.some(pattern => {
    const star = pattern.indexOf('*')
    if (star === -1) return pattern === text
    return text.length >= pattern.length - 1 && text.startsWith(pattern.slice(0, star)) && text.endsWith(pattern.slice(star + 1))
  })
}
