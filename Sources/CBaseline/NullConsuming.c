#include "NullBroker.h"

#include <stdlib.h>
#include <string.h>

static void put64(unsigned char *bytes, uint64_t value) {
    for (int index = 7; index >= 0; index--, value >>= 8) bytes[index] = (unsigned char)value;
}

static void settle_one(null_channel *channel, uint64_t tag, int requeue) {
    uint8_t *owner = &channel->owners[tag % null_ring];
    if (*owner == 0xff) return;
    null_consumer *consumer = channel->consumers[*owner];
    consumer->unsettled--;
    if (requeue) null_queue_add(consumer->queue, 1);
    *owner = 0xff;
}

void null_settle(null_channel *channel, uint64_t tag, int multiple, int requeue) {
    if (!channel->owners) return;
    if (tag == 0) tag = channel->delivered;
    if (tag > channel->delivered || tag <= channel->settled) return;
    if (!multiple) settle_one(channel, tag, requeue);
    for (uint64_t next = channel->settled + 1; multiple && next <= tag; next++) settle_one(channel, next, requeue);
    while (channel->settled < channel->delivered && channel->owners[(channel->settled + 1) % null_ring] == 0xff)
        channel->settled++;
}

// Appends the queue's message to the consumer's method frame, on the consumer's channel instead of the publisher's.
static void complete(null_consumer *consumer) {
    null_queue *queue = consumer->queue;
    pthread_mutex_lock(&queue->lock);
    consumer->length = consumer->method_length + queue->content_length;
    consumer->delivery = realloc(consumer->delivery, consumer->length);
    if (!consumer->delivery) abort();
    if (queue->content) memcpy(consumer->delivery + consumer->method_length, queue->content, queue->content_length);
    pthread_mutex_unlock(&queue->lock);
    for (size_t at = consumer->method_length; at < consumer->length;) {
        unsigned char *frame = consumer->delivery + at;
        memcpy(frame + 1, consumer->delivery + 1, 2);
        at += 8 + ((size_t)frame[3] << 24 | (size_t)frame[4] << 16 | (size_t)frame[5] << 8 | frame[6]);
    }
}

// Hands one batch to one consumer: as much as its prefetch allows, a few at a time when there are others.
static int deliver_to(null_connection *connection, null_channel *channel, int index) {
    null_consumer *consumer = channel->consumers[index];
    if (consumer->is_cancelled) return 0;
    uint64_t wanted = channel->consumer_count > 1 ? 1 : 64;
    uint64_t room = consumer->prefetch ? consumer->prefetch - consumer->unsettled : wanted;
    uint64_t ring = null_ring - (channel->delivered - channel->settled);
    if (wanted > room) wanted = room;
    if (wanted > ring) wanted = ring;
    uint64_t count = wanted ? null_queue_take(consumer->queue, wanted) : 0;
    if (count && !consumer->length) complete(consumer);
    for (uint64_t taken = 0; taken < count; taken++) {
        channel->delivered++;
        channel->owners[channel->delivered % null_ring] = (uint8_t)index;
        put64(consumer->delivery + consumer->tag_offset, channel->delivered);
        memcpy(null_buffer_room(&connection->out, consumer->length), consumer->delivery, consumer->length);
    }
    consumer->unsettled += (uint32_t)count;
    return count > 0;
}

void null_deliver(null_connection *connection, uint16_t number) {
    null_channel *channel = connection->channels[number];
    int idle = 0;
    while (channel->consumer_count && idle < channel->consumer_count && connection->out.length < 256 * 1024) {
        int index = channel->next_consumer++ % channel->consumer_count;
        idle = deliver_to(connection, channel, index) ? 0 : idle + 1;
    }
}
