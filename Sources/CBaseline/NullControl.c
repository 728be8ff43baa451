#include "NullBroker.h"

#include <stdlib.h>
#include <string.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

static void put16(unsigned char *bytes, uint16_t value) {
    bytes[0] = (unsigned char)(value >> 8);
    bytes[1] = (unsigned char)value;
}

static void put32(unsigned char *bytes, uint32_t value) {
    put16(bytes, (uint16_t)(value >> 16));
    put16(bytes + 2, (uint16_t)value);
}

// Encodes a method frame; returns its length.
static size_t encode(unsigned char *frame, size_t capacity, uint16_t channel, uint32_t method, void *fields) {
    amqp_bytes_t room = {capacity - 12, frame + 11};
    int length = amqp_encode_method(method, fields, room);
    if (length < 0) abort();
    frame[0] = AMQP_FRAME_METHOD;
    put16(frame + 1, channel);
    put32(frame + 3, (uint32_t)length + 4);
    put32(frame + 7, method);
    frame[11 + length] = AMQP_FRAME_END;
    return (size_t)length + 12;
}

void null_send_method(null_connection *connection, uint16_t channel, uint32_t method, void *fields) {
    unsigned char frame[4096];
    size_t length = encode(frame, sizeof frame, channel, method, fields);
    memcpy(null_buffer_room(&connection->out, length), frame, length);
}

null_channel *null_open_channel(null_connection *connection, uint16_t number) {
    if (number >= null_channels) return NULL;
    if (!connection->channels[number]) connection->channels[number] = calloc(1, sizeof(null_channel));
    return connection->channels[number];
}

void null_close_channel(null_connection *connection, uint16_t number) {
    null_channel *channel = number < null_channels ? connection->channels[number] : NULL;
    if (!channel) return;
    if (channel->delivered > channel->settled) null_settle(channel, channel->delivered, 1, 1);
    for (int index = 0; index < channel->consumer_count; index++) {
        free(channel->consumers[index]->delivery);
        free(channel->consumers[index]);
    }
    free(channel->owners);
    free(channel->content.bytes);
    free(channel);
    connection->channels[number] = NULL;
}

static amqp_table_entry_t yes(const char *key) {
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes(key)};
    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

static void start(null_connection *connection) {
    amqp_table_entry_t capabilities[] = {yes("publisher_confirms"), yes("basic.nack"), yes("consumer_cancel_notify"),
                                         yes("per_consumer_qos")};
    amqp_table_entry_t properties[3] = {
        {.key = amqp_cstring_bytes("product"), .value.kind = AMQP_FIELD_KIND_UTF8},
        {.key = amqp_cstring_bytes("version"), .value.kind = AMQP_FIELD_KIND_UTF8},
        {.key = amqp_cstring_bytes("capabilities"), .value.kind = AMQP_FIELD_KIND_TABLE},
    };
    properties[0].value.value.bytes = amqp_cstring_bytes("Harebell null broker");
    properties[1].value.value.bytes = amqp_cstring_bytes("3.10.0");
    properties[2].value.value.table = (amqp_table_t){4, capabilities};
    amqp_connection_start_t fields = {.version_major = 0, .version_minor = 9, .server_properties = {3, properties},
                                      .mechanisms = amqp_cstring_bytes("PLAIN AMQPLAIN"),
                                      .locales = amqp_cstring_bytes("en_US")};
    null_send_method(connection, 0, AMQP_CONNECTION_START_METHOD, &fields);
}

static void consume(null_connection *connection, uint16_t number, null_channel *channel, amqp_basic_consume_t *fields) {
    if (channel->consumer_count == null_consumers) return;
    null_consumer *consumer = calloc(1, sizeof *consumer);
    if (!channel->owners) channel->owners = malloc(null_ring);
    if (!consumer || !channel->owners) abort();
    int index = channel->consumer_count++;
    channel->consumers[index] = consumer;
    consumer->queue = null_queue_named(fields->queue.bytes, fields->queue.len);
    consumer->prefetch = channel->prefetch;
    amqp_bytes_t tag = fields->consumer_tag;
    char made[8] = {'n', 'u', 'l', 'l', '-', (char)('0' + index / 100), (char)('0' + index / 10 % 10),
                    (char)('0' + index % 10)};
    if (!tag.len) tag = (amqp_bytes_t){sizeof made, made};
    amqp_basic_deliver_t deliver = {.consumer_tag = tag, .exchange = amqp_empty_bytes, .routing_key = fields->queue};
    memcpy(consumer->tag, tag.bytes, tag.len);
    consumer->delivery = malloc(1024);
    if (!consumer->delivery) abort();
    consumer->method_length = encode(consumer->delivery, 1024, number, AMQP_BASIC_DELIVER_METHOD, &deliver);
    consumer->tag_offset = 11 + 1 + tag.len;
    amqp_basic_consume_ok_t answer = {tag};
    if (!fields->nowait) null_send_method(connection, number, AMQP_BASIC_CONSUME_OK_METHOD, &answer);
}

static void answer_queue(null_connection *connection, uint16_t number, uint32_t method, void *decoded) {
    if (method == AMQP_QUEUE_DECLARE_METHOD) {
        amqp_queue_declare_t *fields = decoded;
        null_queue *queue = null_queue_named(fields->queue.bytes, fields->queue.len);
        amqp_queue_declare_ok_t answer = {fields->queue, (uint32_t)null_queue_ready(queue), 0};
        null_send_method(connection, number, AMQP_QUEUE_DECLARE_OK_METHOD, &answer);
    } else {
        amqp_queue_delete_t *fields = decoded;
        amqp_queue_delete_ok_t answer = {
            (uint32_t)null_queue_clear(null_queue_named(fields->queue.bytes, fields->queue.len))};
        null_send_method(connection, number, AMQP_QUEUE_DELETE_OK_METHOD, &answer);
    }
}

static void answer(null_connection *connection, uint16_t number, null_channel *channel, uint32_t method,
                   void *decoded) {
    // Answers without fields, and such whose fields may all be empty.
    uint64_t empty[8] = {0};
    switch (method) {
        case AMQP_CONNECTION_START_OK_METHOD: {
            amqp_connection_tune_t fields = {2047, 131072, 60};
            return null_send_method(connection, 0, AMQP_CONNECTION_TUNE_METHOD, &fields);
        }
        case AMQP_CONNECTION_OPEN_METHOD: return null_send_method(connection, 0, AMQP_CONNECTION_OPEN_OK_METHOD, empty);
        case AMQP_CONNECTION_CLOSE_METHOD:
            connection->closes = 1;
            return null_send_method(connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, empty);
        case AMQP_CHANNEL_OPEN_METHOD: return null_send_method(connection, number, AMQP_CHANNEL_OPEN_OK_METHOD, empty);
        case AMQP_CHANNEL_CLOSE_METHOD:
            null_close_channel(connection, number);
            return null_send_method(connection, number, AMQP_CHANNEL_CLOSE_OK_METHOD, empty);
        case AMQP_CONFIRM_SELECT_METHOD:
            channel->confirms = 1;
            return null_send_method(connection, number, AMQP_CONFIRM_SELECT_OK_METHOD, empty);
        case AMQP_BASIC_QOS_METHOD:
            channel->prefetch = ((amqp_basic_qos_t *)decoded)->prefetch_count;
            return null_send_method(connection, number, AMQP_BASIC_QOS_OK_METHOD, empty);
        case AMQP_BASIC_CONSUME_METHOD: return consume(connection, number, channel, decoded);
        case AMQP_QUEUE_DECLARE_METHOD:
        case AMQP_QUEUE_DELETE_METHOD: return answer_queue(connection, number, method, decoded);
        default: return;
    }
}

void null_control(null_connection *connection, uint16_t number, const unsigned char *payload, size_t length) {
    if (length == 0) return start(connection);
    uint32_t method = (uint32_t)payload[0] << 24 | (uint32_t)payload[1] << 16 | (uint32_t)payload[2] << 8 | payload[3];
    null_channel *channel = null_open_channel(connection, number);
    amqp_pool_t pool;
    init_amqp_pool(&pool, 4096);
    void *decoded = NULL;
    amqp_bytes_t fields = {length - 4, (void *)(payload + 4)};
    int isKnown = amqp_decode_method(method, &pool, fields, &decoded) == 0;
    // A consumer that was cancelled keeps what it has; nothing more is waited for by then.
    if (isKnown && method == AMQP_BASIC_CANCEL_METHOD) {
        amqp_basic_cancel_t *cancel = decoded;
        amqp_basic_cancel_ok_t answered = {cancel->consumer_tag};
        for (int index = 0; channel && index < channel->consumer_count; index++) {
            null_consumer *consumer = channel->consumers[index];
            if (strlen(consumer->tag) == cancel->consumer_tag.len &&
                !memcmp(consumer->tag, cancel->consumer_tag.bytes, cancel->consumer_tag.len))
                consumer->is_cancelled = 1;
        }
        if (!cancel->nowait) null_send_method(connection, number, AMQP_BASIC_CANCEL_OK_METHOD, &answered);
    } else if (isKnown && channel) {
        answer(connection, number, channel, method, decoded);
    }
    empty_amqp_pool(&pool);
}
