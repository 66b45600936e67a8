import { branch, childrenOf, document, leaf, parseDocument, textOf } from './xml.ts'
import type { Bucket } from './state.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const DEFAULT_RULE_ID = 'Default Multipart Abort Rule'
const DEFAULT_DAYS = 7

/** What a fresh bucket answers, and does. */
export function defaultLifecycle (): string {
  return document('LifecycleConfiguration', branch('Rule',
    leaf('ID', DEFAULT_RULE_ID), branch('Filter', leaf('Prefix', '')), leaf('Status', 'Enabled'),
    branch('AbortIncompleteMultipartUpload', leaf('DaysAfterInitiation', DEFAULT_DAYS))))
}

export interface AbortRule {
  id: string
  afterMs: number
}

/** The rule of the bucket's lifecycle that will end an upload of this key first. */
export function abortRuleFor (bucket: Bucket, key: string): AbortRule | undefined {
  const text = bucket.settings.lifecycle
  if (text === undefined) return { id: DEFAULT_RULE_ID, afterMs: DEFAULT_DAYS * DAY_MS }
  return readAbortRules(text)
    .filter(rule => key.startsWith(rule.prefix))
    .sort((a, b) => a.afterMs - b.afterMs)[0]
}

function readAbortRules (text: string): Array<AbortRule & { prefix: string }> {
  const configuration = parseDocument(text, 'LifecycleConfiguration') ?? ''
  return childrenOf(configuration, 'Rule').flatMap(rule => {
    const abort = childrenOf(rule, 'AbortIncompleteMultipartUpload')[0]
    const days = Number(abort === undefined ? NaN : textOf(abort, 'DaysAfterInitiation'))
    if (Number.isNaN(days) || textOf(rule, 'Status') !== 'Enabled') return []
    const filter = childrenOf(rule, 'Filter')[0] ?? rule
    return [{ id: textOf(rule, 'ID') ?? '', afterMs: days * DAY_MS, prefix: textOf(filter, 'Prefix') ?? '' }]
  })
}
