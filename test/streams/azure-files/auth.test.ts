import t from 'tap'
import { canonicalHeaders, canonicalResource, hmacBase64, sharedKeyAuthorization, stringToSign, stringToSignLite } from '../../../streams/azure-files/auth.ts'
import type { SignableRequest } from '../../../streams/azure-files/auth.ts'
import { ACCOUNT_KEY } from './support/client.ts'

const DATE = { 'x-ms-date': 'Fri, 01 Mar 2024 12:00:00 GMT', 'x-ms-version': '2023-11-03' }

const PUT_RANGE: SignableRequest = {
  method: 'PUT',
  path: '/myshare/dir%20one/file.txt',
  query: [['comp', 'range']],
  headers: { ...DATE, 'content-length': '11', 'content-type': 'application/octet-stream', 'x-ms-range': 'bytes=0-10', 'x-ms-write': 'update' }
}

const LIST: SignableRequest = {
  method: 'GET',
  path: '/myshare/dir%20one',
  query: [['restype', 'directory'], ['comp', 'list'], ['prefix', 'a b'], ['maxresults', '2'], ['include', 'Timestamps,Etag']],
  headers: DATE
}

const CREATE_FILE: SignableRequest = {
  method: 'PUT',
  path: '/myshare/new.bin',
  query: [],
  headers: {
    ...DATE,
    'content-length': '0',
    'x-ms-type': 'file',
    'x-ms-content-length': '0',
    'x-ms-file-attributes': 'None',
    'x-ms-file-creation-time': 'now',
    'x-ms-file-last-write-time': 'now',
    'x-ms-file-permission': 'inherit',
    'x-ms-meta-owner': 'ann'
  }
}

const SHARE_PROPERTIES: SignableRequest = { method: 'GET', path: '/devstoreaccount1/myshare', query: [['restype', 'share']], headers: DATE }

// Computed for the fact sheet, section 2.
const VECTORS = [
  {
    name: 'Put Range',
    account: 'demoacct',
    request: PUT_RANGE,
    text: 'PUT\n\n\n11\n\napplication/octet-stream\n\n\n\n\n\n\nx-ms-date:Fri, 01 Mar 2024 12:00:00 GMT\nx-ms-range:bytes=0-10\nx-ms-version:2023-11-03\nx-ms-write:update\n/demoacct/myshare/dir%20one/file.txt\ncomp:range',
    signature: 'Vm88UyT5Wvt/YX2oG14XfCoUwsOrDmENzSoSFZ0jk8Q='
  },
  {
    name: 'List',
    account: 'demoacct',
    request: LIST,
    text: 'GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 01 Mar 2024 12:00:00 GMT\nx-ms-version:2023-11-03\n/demoacct/myshare/dir%20one\ncomp:list\ninclude:Timestamps,Etag\nmaxresults:2\nprefix:a b\nrestype:directory',
    signature: '4flwfqVNBSmj3vaQVAPB2/7GW0rmPZtGEkr19I/s2hk='
  },
  {
    name: 'Create File',
    account: 'demoacct',
    request: CREATE_FILE,
    text: 'PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-content-length:0\nx-ms-date:Fri, 01 Mar 2024 12:00:00 GMT\nx-ms-file-attributes:None\nx-ms-file-creation-time:now\nx-ms-file-last-write-time:now\nx-ms-file-permission:inherit\nx-ms-meta-owner:ann\nx-ms-type:file\nx-ms-version:2023-11-03\n/demoacct/myshare/new.bin',
    signature: 'JzDwWRicr58TnM3+sWE4sNKgK2jXc7ToCWEVHOj4n7c='
  },
  {
    name: 'path style',
    account: 'devstoreaccount1',
    request: SHARE_PROPERTIES,
    text: 'GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 01 Mar 2024 12:00:00 GMT\nx-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/myshare\nrestype:share',
    signature: 'valdu09zgNxofKNCZtqp6klr/a1WwwNwgm/9Gg5Odx4='
  }
]

for (const { name, account, request, text, signature } of VECTORS) {
  t.test(`stringToSign() and the signature are those of the worked example ${name}`, async t => {
    t.equal(stringToSign(account, request), text)
    t.equal(hmacBase64(ACCOUNT_KEY, text), signature)
    t.equal(sharedKeyAuthorization(account, ACCOUNT_KEY, request), `SharedKey ${account}:${signature}`)
  })
}

t.test('stringToSignLite() signs comp alone of the query', async t => {
  const text = stringToSignLite('demoacct', LIST)
  t.equal(text, 'GET\n\n\n\nx-ms-date:Fri, 01 Mar 2024 12:00:00 GMT\nx-ms-version:2023-11-03\n/demoacct/myshare/dir%20one?comp=list')
  t.equal(hmacBase64(ACCOUNT_KEY, text), 'eDsV1vol8McEn4JQFt9VuVqrrCQWgSZmcoaAK8AUm9g=')
})

t.test('stringToSign() leaves Date to x-ms-date and keeps every condition in its line', async t => {
  const headers = { date: 'Fri, 01 Mar 2024 12:00:00 GMT', 'if-match': 'a', 'if-none-match': 'b', range: 'bytes=0-1', 'content-md5': 'c' }
  t.equal(stringToSign('a', { method: 'GET', path: '', query: [], headers }), 'GET\n\n\n\nc\n\nFri, 01 Mar 2024 12:00:00 GMT\n\na\nb\n\nbytes=0-1\n/a/')
  t.equal(stringToSign('a', { method: 'GET', path: '/', query: [], headers: { ...headers, 'x-ms-date': 'now' } }), 'GET\n\n\n\nc\n\n\n\na\nb\n\nbytes=0-1\nx-ms-date:now\n/a/')
})

t.test('canonicalHeaders() folds white space but not in quotes, and keeps an empty value', async t => {
  t.equal(canonicalHeaders({ 'x-ms-b': ' one  \t two "three  four" ', 'x-ms-a': '', accept: 'x' }), 'x-ms-a:\nx-ms-b:one two "three  four"\n')
})

t.test('canonicalHeaders() sorts as the service does, which puts _ before the digits', async t => {
  const headers = { 'x-ms-meta-a1': '1', 'x-ms-meta-ab': '2', 'x-ms-meta-a_': '3', 'x-ms-meta-a': '4', 'x-ms-version': '5', 'x-ms-lease-id': '6' }
  t.equal(canonicalHeaders(headers), 'x-ms-lease-id:6\nx-ms-meta-a:4\nx-ms-meta-a_:3\nx-ms-meta-a1:1\nx-ms-meta-ab:2\nx-ms-version:5\n')
})

t.test('canonicalResource() joins the values of one name, in order, and leaves empty ones out', async t => {
  t.equal(canonicalResource('acct', { path: '/s', query: [['Include', 'b'], ['include', 'a'], ['prefix', ''], ['comp', 'list']] }), '/acct/s\ncomp:list\ninclude:a,b')
})

t.test('canonicalResource() keeps the prefix of the endpoint, as it is in the path', async t => {
  t.equal(canonicalResource('demoacct', { path: '/azure-files/myshare/a%20b', query: [] }), '/demoacct/azure-files/myshare/a%20b')
})
