import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../../emulator/index.ts'
import { AzureFiles } from '../../../streams/azure-files/client.ts'
import { NoNetwork, SpyingAgent, everythingIn, readInteractions, temporaryFolder } from '../../lib/simulation/support/recordings.ts'

const LARGE = randomBytes(5_000_000)

async function bytesOf (stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What a caller sees of most operations, also of those that draw names and ids by lot. */
async function everything (azure: AzureFiles): Promise<unknown> {
  const upload = azure.createWriteStream('data/large.bin', { rangeSize: 2_000_000 })
  await pipeline(Readable.from([LARGE]), upload)
  await pipeline(Readable.from(['whole or nothing']), azure.createWriteStream('data/published.txt', { publish: 'rename' }))
  await pipeline(Readable.from(['new']), azure.createWriteStream('data/new.txt', { ifNoneMatch: '*' }))
  const taken = await pipeline(Readable.from(['again']), azure.createWriteStream('data/new.txt', { ifNoneMatch: '*' })).catch((error: Error) => error.name)
  const large = await bytesOf(azure.createReadStream('data/large.bin'))
  const part = await bytesOf(azure.createReadStream('data/large.bin', { start: 10, end: 1009 }))
  const locked = await azure.leases.withLock({ path: 'data/new.txt' }, async () => 'locked')
  const lease = await azure.leases.acquire({ path: 'data/new.txt' })
  const refused = await azure.files.delete({ path: 'data/new.txt' }).catch((error: Error) => error.name)
  await azure.leases.release(lease)
  const copy = await azure.files.copy({ sourcePath: 'data/new.txt', destPath: 'data/copy.txt' })
  const names: string[] = []
  for await (const entry of azure.createListStream('', { recursive: true, pageSize: 2 })) names.push(entry.path)
  const { metadata } = await azure.files.getProperties({ path: 'data/copy.txt' })
  await azure.directories.deleteRecursive({ path: 'data' })
  return { upload: upload.result?.etag, taken, large: large.equals(LARGE), part: part.equals(LARGE.subarray(10, 1010)), locked, refused, copy: copy.status, names: names.filter(name => !name.includes('.sluice-locks/')), metadata }
}

t.test('What was recorded of Azure Files replays for another account and other credentials, without network', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const spy = new SpyingAgent()
  const options = emulator.azureFiles.options()
  const recording = new AzureFiles({ ...options, dispatcher: spy, simulation: { record: folder } })
  const outcome = await everything(recording)
  await recording.close()
  await spy.close()
  await emulator.close()

  const asked = { getToken: () => { throw new Error('a token was asked for') } }
  for (const access of [{}, { accountName: 'another', accountKey: randomBytes(64).toString('base64') }, { credential: asked }, { sasToken: 'sv=2023-11-03&sig=other' }]) {
    const replaying = new AzureFiles({ ...access, endpoint: 'http://127.0.0.1:1/another', share: options.share, dispatcher: new NoNetwork(), simulation: { replay: folder } })
    t.strictSame(await everything(replaying), outcome)
    replaying.simulation.verify({ exhausted: true })
    await replaying.close()
  }

  const written = await everythingIn(folder)
  t.ok(spy.secrets.size > 10)
  const secrets = [...spy.secrets, options.accountKey, options.accountName, 'SharedKey', new URL(options.endpoint).host]
  t.same(secrets.filter(secret => written.includes(secret)), [])
})

t.test('Of a SAS nothing is recorded, neither in the query nor with the source of a copy', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const { accountKey, ...options } = emulator.azureFiles.options()
  const owner = new AzureFiles({ ...options, accountKey })
  const sas = await owner.sas.account({ permissions: 'rwdlcu', resourceTypes: 'sco', expiresIn: 3600 })
  const sasToken = sas.search.slice(1)
  await owner.close()
  const spy = new SpyingAgent()
  const recording = new AzureFiles({ ...options, sasToken, dispatcher: spy, simulation: { record: folder } })
  await recording.files.write({ path: 'a.txt', data: Buffer.from('bytes') })
  await recording.files.copy({ sourcePath: 'a.txt', destPath: 'b.txt' })
  await recording.close()
  await spy.close()
  await emulator.close()

  const written = await everythingIn(folder)
  const signature = new URLSearchParams(sasToken).get('sig') as string
  t.ok(spy.secrets.has(encodeURIComponent(signature)))
  t.same([...spy.secrets, signature, encodeURIComponent(signature), 'sig=', 'se=', options.accountName].filter(secret => written.includes(secret)), [])
  const { interactions } = await readInteractions(folder)
  t.equal(interactions.find(({ operation }) => operation === 'copy_file')?.request.headers?.['x-ms-copy-source'], `https://endpoint.invalid/${options.share}/a.txt`)

  const replaying = new AzureFiles({ share: options.share, simulation: { replay: folder } })
  await replaying.files.write({ path: 'a.txt', data: Buffer.from('bytes') })
  await replaying.files.copy({ sourcePath: 'a.txt', destPath: 'b.txt' })
  replaying.simulation.verify({ exhausted: true })
})
