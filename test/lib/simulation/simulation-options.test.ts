import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { resolveSimulation, simulationFromEnv } from '../../../lib/simulation/simulation-options.ts'
import type { SimulationOptions } from '../../../lib/simulation/simulation-options.ts'
import { AzureFiles } from '../../../streams/azure-files/client.ts'
import { OneDrive } from '../../../streams/onedrive/client.ts'
import { R2 } from '../../../streams/r2/client.ts'
import { startEmulator } from '../../../emulator/index.ts'
import { temporaryFolder } from './support/recordings.ts'

t.test('Nothing is simulated unless it is asked for; the path of a recording has a default of its own for each cloud', t => {
  const clients = {
    r2: new R2({ accountId: '0'.repeat(32), accessKeyId: '0'.repeat(32), secretAccessKey: '0'.repeat(64) }),
    onedrive: new OneDrive({ accessToken: 'token' }),
    'azure-files': new AzureFiles({ accountName: 'account', accountKey: 'a2V5' })
  }
  for (const [name, { simulation }] of Object.entries(clients)) {
    t.match(simulation, { mode: 'disabled', enabled: false, path: `./recordings/${name}` })
    simulation.verify({ exhausted: true })
  }
  t.end()
})

t.test('The option takes words and objects, and refuses what makes no sense', t => {
  t.match(resolveSimulation('disabled', 'r2'), { mode: 'disabled' })
  t.match(resolveSimulation({}, 'r2'), { mode: 'disabled' })
  t.match(resolveSimulation('record', 'r2'), { mode: 'recording', path: './recordings/r2', record: { record: './recordings/r2' } })
  t.match(resolveSimulation('replay', 'r2'), { mode: 'replay', path: './recordings/r2' })
  t.match(resolveSimulation({ record: 'there' }, 'r2'), { mode: 'recording', path: 'there' })
  t.match(resolveSimulation({ replay: 'there', latency: 'recorded' }, 'r2'), { mode: 'replay', path: 'there' })
  const refused: Array<[unknown, RegExp]> = [
    ['play', /^Cannot use simulation "play" as it must be disabled, record, replay, or an object with record or replay$/],
    [null, /^Cannot use simulation null/],
    [{ record: 'a', replay: 'b' }, /^Cannot use simulation\.record and simulation\.replay together: pass one of them$/],
    [{ record: '' }, /^Cannot use simulation\.record as it must be the path of a folder: received ""$/],
    [{ replay: 7 }, /^Cannot use simulation\.replay as it must be the path/],
    [{ record: 'a', overwrite: true, append: true }, /overwrite and simulation\.append together/],
    [{ record: 'a', requestContent: 'drop' }, /requestContent "drop" as it must be keep or hash$/],
    [{ replay: 'a', latency: -1 }, /latency -1 as it must be "recorded" or a number of 0 or more$/],
    [{ replay: 'a', latency: 'slow' }, /latency "slow"/]
  ]
  for (const [option, message] of refused) t.throws(() => resolveSimulation(option as SimulationOptions, 'r2'), { name: 'ConfigurationError', message })
  t.end()
})

t.test('The environment names a mode and the folder of all clouds', t => {
  t.same(simulationFromEnv({}, 'r2'), {})
  t.same(simulationFromEnv({ SLUICE_SIMULATION: '' }, 'r2'), {})
  t.same(simulationFromEnv({ SLUICE_SIMULATION: 'disabled' }, 'r2'), { simulation: 'disabled' })
  t.same(simulationFromEnv({ SLUICE_SIMULATION: 'record' }, 'r2'), { simulation: { record: join('recordings', 'r2') } })
  t.same(simulationFromEnv({ SLUICE_SIMULATION: 'overwrite:there' }, 'onedrive'), { simulation: { record: join('there', 'onedrive'), overwrite: true } })
  t.same(simulationFromEnv({ SLUICE_SIMULATION: 'append:there' }, 'onedrive'), { simulation: { record: join('there', 'onedrive'), append: true } })
  t.same(simulationFromEnv({ SLUICE_SIMULATION: 'replay:there' }, 'azure-files'), { simulation: { replay: join('there', 'azure-files') } })
  t.throws(() => simulationFromEnv({ SLUICE_SIMULATION: 'rewind:there' }, 'r2'), { name: 'ConfigurationError', message: 'Cannot use SLUICE_SIMULATION "rewind:there" as it must be disabled, or record, overwrite, append or replay with ":" and a folder' })
  t.end()
})

t.test('Clients of the environment record and replay without a change in code; an option in code wins', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const recording = { ...emulator.env(), SLUICE_SIMULATION: `record:${folder}` }
  const r2 = R2.fromEnv({}, recording)
  await r2.put('key', 'bytes')
  await r2.close()
  const onedrive = OneDrive.fromEnv({}, recording)
  await onedrive.upload('/a.txt', 'bytes')
  await onedrive.close()
  const azure = AzureFiles.fromEnv({}, recording)
  await azure.files.write({ path: 'a.txt', data: Buffer.from('bytes') })
  await azure.close()
  t.same((await readdir(folder)).sort(), ['azure-files', 'onedrive', 'r2'])

  const replaying = { SLUICE_SIMULATION: `replay:${folder}` }
  await R2.fromEnv({ bucket: 'sluice' }, replaying).put('key', 'bytes')
  await OneDrive.fromEnv({ drive: emulator.oneDrive.options().drive }, replaying).upload('/a.txt', 'bytes')
  await AzureFiles.fromEnv({ share: 'sluice' }, replaying).files.write({ path: 'a.txt', data: Buffer.from('bytes') })
  t.equal(R2.fromEnv({ simulation: 'disabled' }, { ...emulator.env(), ...replaying }).simulation.mode, 'disabled')
  await mkdir(join(folder, 'empty'))
  t.throws(() => R2.fromEnv({}, { SLUICE_SIMULATION: `replay:${join(folder, 'empty')}` }), { name: 'ConfigurationError' })
})
