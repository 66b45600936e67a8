/** Stored access policies of a share. */
import type { Answer } from '../service.ts'
import { answer, type Call, leaseIdOf, shareOf, stamp, xmlAnswer } from './call.ts'
import { azureError } from './errors.ts'
import { checkRead, leaseAt } from './lease.ts'
import { MAX_POLICIES } from './limits.ts'
import { receiveText } from './receive.ts'
import type { AccessPolicy } from './sas.ts'
import { changed, lockedShareOf } from './shares.ts'
import { branch, childrenOf, document, leaf, type Parsed, parseDocument, textOf } from './xml.ts'

const MAX_ID = 64

export async function getShareAcl (call: Call): Promise<Answer> {
  const share = shareOf(call)
  checkRead(leaseAt(share.lease, call.now), leaseIdOf(call), 'Container')
  return xmlAnswer(document('SignedIdentifiers', '', share.policies.map(policyXml)), stamp(share))
}

function policyXml ({ id, start, expiry, permissions }: AccessPolicy): string {
  return branch('SignedIdentifier', leaf('Id', id), branch('AccessPolicy', leaf('Start', start), leaf('Expiry', expiry), leaf('Permission', permissions)))
}

/** Replaces all of them; without a body none is left. */
export async function setShareAcl (call: Call): Promise<Answer> {
  const text = await receiveText(call)
  const policies = text === '' ? [] : readPolicies(text)
  const share = lockedShareOf(call)
  share.policies = policies
  await changed(call, share)
  return answer(200, stamp(share))
}

function readPolicies (text: string): AccessPolicy[] {
  const parsed = parseDocument(text, 'SignedIdentifiers')
  if (parsed === undefined) throw azureError('InvalidXmlDocument')
  const policies = childrenOf(parsed, 'SignedIdentifier').map(readPolicy)
  if (policies.length > MAX_POLICIES) throw azureError('InvalidXmlDocument')
  return policies
}

function readPolicy (parsed: Parsed): AccessPolicy {
  const id = textOf(parsed, 'Id')
  if (id === undefined || id === '' || id.length > MAX_ID) throw azureError('InvalidXmlNodeValue', { XmlNodeName: 'Id', XmlNodeValue: id ?? '' })
  const policy = childrenOf(parsed, 'AccessPolicy')[0] ?? ''
  const field = (name: string): string | undefined => textOf(policy, name) || undefined
  return { id, start: field('Start'), expiry: field('Expiry'), permissions: field('Permission') }
}
