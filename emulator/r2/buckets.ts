/** Operations on buckets and on the account: what exists, where, and the settings that R2 keeps or only pretends to. */
import type { Answer } from '../service.ts'
import { bucketOf, type Call, type Handler, xmlAnswer } from './call.ts'
import { invalidArgument, malformedXml, notImplemented, R2Error } from './errors.ts'
import { defaultLifecycle } from './lifecycle.ts'
import { MAX_PAGE } from './limits.ts'
import { owner, readMaxKeys } from './listing.ts'
import { receiveText } from './receive.ts'
import type { BucketSetting } from './state.ts'
import { branch, childrenOf, document, leaf, parseDocument, type Parsed, textOf } from './xml.ts'

const BUCKET_NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
const LOCATIONS = ['auto', 'wnam', 'enam', 'weur', 'eeur', 'apac', 'oc']
const LOCATION_ALIASES = ['', 'us-east-1']
const MAX_RULES = 1000
const LIST_BUCKETS_PARAMETERS = ['prefix', 'start-after', 'continuation-token', 'max-keys']

/** With R2's own paging, by query or by headers; headers win. */
export const listBuckets: Handler = async call => {
  const stranger = call.query.names.find(name => !LIST_BUCKETS_PARAMETERS.includes(name) && !name.startsWith('X-Amz-') && name !== 'x-id')
  if (stranger !== undefined) throw notImplemented(`ListBuckets search parameter ${stranger}`)
  const read = (name: string): string | undefined => call.headers[`cf-${name}`] ?? call.query.get(name)
  const limit = Math.min(readMaxKeys(read('max-keys') ?? String(MAX_PAGE)).limit, MAX_PAGE)
  const after = readBucketToken(read('continuation-token')) ?? read('start-after') ?? ''
  const matching = [...call.context.state.buckets.values()]
    .filter(({ name }) => name.startsWith(read('prefix') ?? '') && name > after)
    .sort((a, b) => a.name < b.name ? -1 : 1)
  const page = matching.slice(0, limit)
  const last = page.at(-1)
  const truncated = matching.length > page.length
  return xmlAnswer(document('ListAllMyBucketsResult',
    branch('Buckets', page.map(({ name, created }) =>
      branch('Bucket', leaf('Name', name), leaf('CreationDate', new Date(created).toISOString())))),
    owner('Owner', call.context.accountId)), {
    'cf-is-truncated': String(truncated),
    ...(truncated && last !== undefined ? { 'cf-next-continuation-token': Buffer.from(last.name).toString('base64') } : {})
  })
}

export const headBucket: Handler = async call => {
  bucketOf(call)
  return { status: 200, headers: { 'x-amz-bucket-region': 'auto' } }
}

export const createBucket: Handler = async call => {
  const { context, bucketName } = call
  if (!BUCKET_NAME.test(bucketName)) throw new R2Error(400, 'InvalidBucketName', 'The specified bucket name is not valid.')
  const location = readLocation(await receiveText(call))
  if (context.state.buckets.has(bucketName)) {
    throw new R2Error(409, 'BucketConflict', 'The bucket you tried to create already exists, and you own it.')
  }
  await context.state.createBucket(bucketName, call.exchange.now(), location)
  return { status: 200, headers: { Location: `/${bucketName}` } }
}

/** Open uploads keep a bucket from being deleted just as objects do. */
export const deleteBucket: Handler = async call => {
  const bucket = bucketOf(call)
  if (bucket.objects.size > 0 || bucket.uploads.size > 0) {
    throw new R2Error(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty.')
  }
  await call.context.state.deleteBucket(bucket)
  return { status: 204, headers: {} }
}

export const getBucketLocation: Handler = async call =>
  xmlAnswer(document('LocationConstraint', bucketOf(call).location))

export const getBucketAcl: Handler = async call => {
  bucketOf(call)
  return xmlAnswer(document('AccessControlPolicy', owner('Owner', call.context.accountId), '<AccessControlList/>'))
}

/** R2 answers these as a fresh bucket of AWS would. */
export const getBucketVersioning: Handler = async call => {
  bucketOf(call)
  return xmlAnswer(document('VersioningConfiguration'))
}

export const getBucketTagging: Handler = async call =>
  missing(call, 'NoSuchTagSet', 'The TagSet does not exist.')

export const getObjectLockConfiguration: Handler = async call =>
  missing(call, 'ObjectLockConfigurationNotFoundError', 'Object Lock configuration does not exist for this bucket.')

export const getBucketReplication: Handler = async call =>
  missing(call, 'ReplicationConfigurationNotFoundError', 'The replication configuration was not found.')

/** A signed POST that asks for nothing is answered with nothing. */
export const barePost: Handler = async call => {
  bucketOf(call)
  return { status: 200, headers: {} }
}

export const getBucketCors: Handler = async call => {
  const text = bucketOf(call).settings.cors
  if (text === undefined) return missing(call, 'NoSuchCORSConfiguration', 'The CORS configuration does not exist.')
  return xmlAnswer(text)
}

export const putBucketCors: Handler = call => putSetting(call, 'cors', 'CORSConfiguration', configuration => {
  const rules = childrenOf(configuration, 'CORSRule')
  return rules.length > 0 && rules.every(rule => textOf(rule, 'AllowedOrigin') !== undefined && textOf(rule, 'AllowedMethod') !== undefined)
})

export const deleteBucketCors: Handler = call => deleteSetting(call, 'cors')

export const getBucketLifecycle: Handler = async call => {
  const text = bucketOf(call).settings.lifecycle
  return text === '' ? missing(call, 'NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist.') : xmlAnswer(text ?? defaultLifecycle())
}

/** Replaces the whole set, the default rule included. */
export const putBucketLifecycle: Handler = call => putSetting(call, 'lifecycle', 'LifecycleConfiguration', configuration => {
  const rules = childrenOf(configuration, 'Rule')
  return rules.length <= MAX_RULES && rules.every(rule => textOf(rule, 'Status') !== undefined)
})

export const deleteBucketLifecycle: Handler = async call => {
  await call.context.state.changeSetting(bucketOf(call), 'lifecycle', '')
  return { status: 204, headers: {} }
}

export const getBucketEncryption: Handler = async call => {
  bucketOf(call)
  return xmlAnswer(document('ServerSideEncryptionConfiguration', branch('Rule',
    branch('ApplyServerSideEncryptionByDefault', leaf('SSEAlgorithm', 'AES256')), leaf('BucketKeyEnabled', true))))
}

export const putBucketEncryption: Handler = call => putSetting(call, 'encryption', 'ServerSideEncryptionConfiguration', configuration =>
  childrenOf(configuration, 'Rule').every(rule => {
    const byDefault = childrenOf(rule, 'ApplyServerSideEncryptionByDefault')[0]
    const algorithm = byDefault === undefined ? undefined : textOf(byDefault, 'SSEAlgorithm')
    if (algorithm !== undefined && algorithm !== 'AES256') throw notImplemented(`SSEAlgorithm ${algorithm}`)
    return algorithm !== undefined
  }))

export const deleteBucketEncryption: Handler = call => deleteSetting(call, 'encryption')

async function putSetting (call: Call, setting: BucketSetting, root: string, isValid: (configuration: Parsed) => boolean): Promise<Answer> {
  const bucket = bucketOf(call)
  const text = await receiveText(call)
  const configuration = parseDocument(text, root)
  if (configuration === undefined || !isValid(configuration)) throw malformedXml()
  await call.context.state.changeSetting(bucket, setting, text)
  return { status: 200, headers: {} }
}

async function deleteSetting (call: Call, setting: BucketSetting): Promise<Answer> {
  await call.context.state.changeSetting(bucketOf(call), setting, undefined)
  return { status: 204, headers: {} }
}

function missing (call: Call, code: string, message: string): never {
  bucketOf(call)
  throw new R2Error(404, code, message)
}

function readLocation (text: string): string | undefined {
  if (text.trim() === '') return undefined
  const configuration = parseDocument(text, 'CreateBucketConfiguration')
  if (configuration === undefined) throw malformedXml()
  const location = (textOf(configuration, 'LocationConstraint') ?? '').trim().toLowerCase()
  if (LOCATION_ALIASES.includes(location) || location === 'auto') return undefined
  if (LOCATIONS.includes(location)) return location.toUpperCase()
  throw new R2Error(400, 'InvalidLocationConstraint', 'The specified location constraint is not valid.')
}

function readBucketToken (token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const name = Buffer.from(token, 'base64').toString()
  if (!BUCKET_NAME.test(name)) throw invalidArgument('The continuation token provided is incorrect')
  return name
}
