/** What concerns the whole account: the settings of its file service and its user delegation keys. */
import type { Answer } from '../service.ts'
import { answer, type Call, locate, rootOf, segmentsOf, xmlAnswer } from './call.ts'
import { azureError, invalidHeader } from './errors.ts'
import { receiveText } from './receive.ts'
import { delegationKeyValue } from './sas.ts'
import { document, leaf, parseDocument, textOf } from './xml.ts'

const ROOT = 'StorageServiceProperties'
const METRICS = '<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>'
const USUAL = `<HourMetrics>${METRICS}</HourMetrics><MinuteMetrics>${METRICS}</MinuteMetrics><Cors />`
const MAX_KEY_DAYS = 7

/** As they were put: nothing here obeys them. */
export async function getFileServiceProperties ({ context }: Call): Promise<Answer> {
  return xmlAnswer(context.state.serviceProperties ?? document(ROOT, '', USUAL))
}

export async function setFileServiceProperties (call: Call): Promise<Answer> {
  const text = await receiveText(call)
  if (parseDocument(text, ROOT) === undefined) throw azureError('InvalidXmlDocument')
  await call.context.state.saveServiceProperties(text)
  return answer(202)
}

/** For whoever has a bearer token. The identity in it is nobody's. */
export async function getUserDelegationKey (call: Call): Promise<Answer> {
  const { context, auth, version, now } = call
  if (auth.kind !== 'bearer') throw azureError('AuthorizationFailure')
  const parsed = parseDocument(await receiveText(call), 'KeyInfo')
  if (parsed === undefined) throw azureError('InvalidXmlDocument')
  const [start, expiry] = [textOf(parsed, 'Start') ?? '', textOf(parsed, 'Expiry') ?? '']
  const [from, to] = [Date.parse(start), Date.parse(expiry)]
  if (!(from < to && to > now && to - now <= MAX_KEY_DAYS * 86_400_000)) throw azureError('InvalidXmlNodeValue', { XmlNodeName: 'Expiry', XmlNodeValue: expiry })
  const fields = {
    skoid: '00000000-0000-0000-0000-00000000000a', sktid: '00000000-0000-0000-0000-00000000000b', skt: start, ske: expiry, sks: 'f', skv: version
  }
  const value = delegationKeyValue(context.accountKey, { get: name => fields[name as keyof typeof fields] })
  return xmlAnswer(document('UserDelegationKey', '',
    leaf('SignedOid', fields.skoid), leaf('SignedTid', fields.sktid), leaf('SignedStart', start), leaf('SignedExpiry', expiry),
    leaf('SignedService', fields.sks), leaf('SignedVersion', fields.skv), leaf('Value', value)))
}

/** Handles are SMB's, and nobody is connected that way. */
export async function listHandles (call: Call): Promise<Answer> {
  checkPresence(call)
  return xmlAnswer(document('EnumerationResults', '', '<Entries />', '<NextMarker />'))
}

export async function forceCloseHandles (call: Call): Promise<Answer> {
  checkPresence(call)
  const id = call.headers['x-ms-handle-id']
  if (id === undefined || id === '') throw invalidHeader('x-ms-handle-id', id ?? '')
  return answer(200, { 'x-ms-number-of-handles-closed': '0', 'x-ms-number-of-handles-failed': '0' })
}

/** @throws {AzureError} 404 when there is neither a file nor a directory */
function checkPresence (call: Call): void {
  const segments = segmentsOf(call)
  const { root } = rootOf(call)
  if (segments.length > 0 && locate(root, segments).entry === undefined) throw azureError('ResourceNotFound')
}
