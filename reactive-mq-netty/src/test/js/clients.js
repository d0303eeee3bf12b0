// What KafkaJsContract has kafkajs do: node clients.js ADDRESS STEP deletes-at-once|deletes-later. Each step prints what it saw, as one line of JSON.
// deletes-later: a topic that is deleted may be seen for a moment more, as on Apache Kafka.
'use strict'

const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const kafka = new Kafka({ clientId: 'test', brokers: [process.argv[2]], logLevel: logLevel.ERROR })

/** What `look` sees once it is as it is to be. */
async function eventually(look, isSo) {
  let seen = await look()
  while (!isSo(seen)) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    seen = await look()
  }
  return seen
}

async function withAdmin(use) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

async function withProducer(config, use) {
  const producer = kafka.producer(config)
  await producer.connect()
  try {
    return await use(producer)
  } finally {
    await producer.disconnect()
  }
}

/** Without the broker's own. */
async function topicsOf(admin) {
  return (await admin.listTopics()).filter((topic) => !topic.startsWith('__'))
}

/** Reads `count` records of the topic in a group from the beginning, with the offsets they were at. */
async function read(groupId, count, settings) {
  const consumer = kafka.consumer({ groupId, ...settings })
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  const seen = []
  try {
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, (event) => reject(event.payload.error))
      consumer
        .run({
          eachMessage: async ({ partition, message }) => {
            const headers = Object.entries(message.headers).map(([name, value]) => `${name}:${value}`)
            seen.push([`${partition}/${message.offset}`, `${message.key}`, `${message.value}`, ...headers].join(' '))
            if (seen.length === count) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return seen.sort()
}

const messages = (count, text) =>
  Array.from({ length: count }, (_, i) => ({
    partition: i % 2,
    key: `k${i}`,
    value: `${text}-${i}`,
    headers: { from: text },
  }))

const steps = {
  async admin() {
    return withAdmin(async (admin) => {
      const created = await admin.createTopics({
        topics: [{ topic: 'made', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '3600000' }] }],
      })
      const again = await admin.createTopics({ topics: [{ topic: 'made' }] })
      const { topics } = await admin.fetchTopicMetadata({ topics: ['made'] })
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: 'made', configNames: ['retention.ms'] }],
      })
      const { brokers } = await admin.describeCluster()
      const before = await topicsOf(admin)
      await admin.deleteTopics({ topics: ['made'] })
      return {
        created,
        again,
        partitions: topics[0].partitions.length,
        retention: resources[0].configEntries[0].configValue,
        address: `${brokers[0].host}:${brokers[0].port}`,
        before,
        after: await eventually(() => topicsOf(admin), (topics) => topics.length === 0 || process.argv[4] === 'deletes-at-once'),
      }
    })
  },

  async roundTrip() {
    for (const [text, config, compression] of [
      ['plain', {}, CompressionTypes.None],
      ['gzip', {}, CompressionTypes.GZIP],
      ['idempotent', { idempotent: true, maxInFlightRequests: 1 }, CompressionTypes.None],
    ]) {
      await withProducer(config, (producer) =>
        producer.send({ topic: 'orders', acks: -1, compression, messages: messages(4, text) }))
    }
    return read('readers', 12)
  },

  async group() {
    await withProducer({}, (producer) => producer.send({ topic: 'orders', messages: messages(4, 'first') }))
    const first = await read('readers', 4)
    await withProducer({}, (producer) => producer.send({ topic: 'orders', messages: messages(2, 'second') }))
    const second = await read('readers', 2)
    return withAdmin(async (admin) => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: 'readers', topics: ['orders'] })
      const { groups } = await admin.listGroups()
      const described = await admin.describeGroups(['readers'])
      await admin.deleteGroups(['readers'])
      return {
        first,
        second,
        offsets: partitions.map(({ partition, offset }) => `${partition}/${offset}`).sort(),
        groups: groups.map((group) => group.groupId),
        state: described.groups[0].state,
        left: (await admin.listGroups()).groups,
      }
    })
  },

  async transaction() {
    await withProducer({ transactionalId: 'js', idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      const aborted = await producer.transaction()
      await aborted.send({ topic: 'orders', messages: messages(2, 'aborted') })
      await aborted.abort()
      const committed = await producer.transaction()
      await committed.send({ topic: 'orders', messages: messages(2, 'committed') })
      await committed.sendOffsets({
        consumerGroupId: 'sources',
        topics: [{ topic: 'orders', partitions: [{ partition: 0, offset: '1' }] }],
      })
      await committed.commit()
    })
    const seen = await read('readers', 2, { readUncommitted: false })
    // offsets count from the markers of the commit on, a moment after it was answered
    const source = await withAdmin((admin) =>
      eventually(
        async () => {
          const [{ partitions }] = await admin.fetchOffsets({ groupId: 'sources', topics: ['orders'] })
          return partitions.find(({ partition }) => partition === 0).offset
        },
        (offset) => offset !== '-1',
      ))
    return { seen, source }
  },
}

steps[process.argv[3]]().then(
  (seen) => console.log(JSON.stringify(seen)),
  (failure) => {
    console.error(failure)
    process.exit(1)
  },
)
