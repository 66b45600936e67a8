/** What a mock answers can be recorded and played back by the client, and trouble can be made between the two. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AzureFiles, OneDrive, R2 } from '../../streams/index.ts'

async function folder (t: { teardown (done: () => unknown): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-mock-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

t.test('R2: a recording of a mock serves the client without it', async t => {
  const path = await folder(t)
  const work = async (r2: R2): Promise<string> => {
    await r2.put('b', 'y')
    return (await r2.get('a')).bytes.toString()
  }
  const mock = R2.mock({ simulation: { record: path } }).withObject('a', 'x')
  t.equal(await work(mock), 'x')
  await mock.close()
  await using r2 = new R2({ endpoint: mock.config.endpoint.origin + mock.config.endpoint.pathPrefix, bucket: 'mock', simulation: { replay: path } })
  t.equal(await work(r2), 'x')
  r2.simulation.verify({ exhausted: true })
})

t.test('OneDrive: a recording of a mock serves the client without it', async t => {
  const path = await folder(t)
  const work = async (drive: OneDrive): Promise<string> => {
    await drive.upload('/b', 'y')
    return (await drive.download('/a')).bytes.toString()
  }
  const mock = OneDrive.mock({ simulation: { record: path } }).withFile('/a', 'x')
  t.equal(await work(mock), 'x')
  await mock.close()
  await using drive = new OneDrive({ simulation: { replay: path } })
  t.equal(await work(drive), 'x')
  drive.simulation.verify({ exhausted: true })
})

t.test('Azure Files: a recording of a mock serves the client without it', async t => {
  const path = await folder(t)
  const work = async (azure: AzureFiles): Promise<string> => {
    await azure.files.write({ path: 'b', data: 'y' })
    return (await azure.files.read({ path: 'a' })).data.toString()
  }
  const mock = AzureFiles.mock({ simulation: { record: path } }).withFile('mock', 'a', 'x')
  t.equal(await work(mock), 'x')
  await mock.close()
  await using azure = new AzureFiles({ accountName: 'mock', share: 'mock', simulation: { replay: path } })
  t.equal(await work(azure), 'x')
  azure.simulation.verify({ exhausted: true })
})

t.test('mutations make trouble between client and mock: the mock sees only what got through', async t => {
  const mutations = [{ on: { operation: 'put_object' }, do: { connect: 'refused' as const } }, { on: { operation: 'get_object' }, do: { reset: { responseByte: 1 } } }]
  await using mock = R2.mock({ simulation: { mutations } }).expectPut('a', { times: 1 })
  t.match(await mock.put('a', 'hello'), { attempts: 2 })
  t.equal((await mock.get('a')).bytes.toString(), 'hello')
  mock.verify()
  mock.simulation.verify()
  t.same(mock.requests.operations(), ['PutObject', 'GetObject', 'GetObject'])
})

t.test('the environment makes no recording of a mock', async t => {
  const path = await folder(t)
  const before = process.env['SLUICE_SIMULATION']
  process.env['SLUICE_SIMULATION'] = `replay:${path}`
  t.teardown(() => { if (before === undefined) delete process.env['SLUICE_SIMULATION']; else process.env['SLUICE_SIMULATION'] = before })
  await using mock = R2.mock().withObject('a', 'x')
  t.equal((await mock.get('a')).bytes.toString(), 'x')
})
