// The parts of the null broker: the queues that all connections share, and one connection.
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

// A queue is a number and the first message that was published to it: header frame and body frames, as they came.
typedef struct null_queue {
    struct null_queue *next;
    char name[256];
    pthread_mutex_t lock;
    uint64_t ready;
    unsigned char *content;
    size_t content_length;
} null_queue;

// Finds a queue, or makes it.
null_queue *null_queue_named(const void *name, size_t length);
void null_queue_add(null_queue *queue, uint64_t count);
// Takes up to `wanted` messages and returns how many there were.
uint64_t null_queue_take(null_queue *queue, uint64_t wanted);
uint64_t null_queue_ready(null_queue *queue);
// Keeps a message if the queue has none yet.
void null_queue_keep(null_queue *queue, const void *content, size_t length);
// Forgets the messages and returns how many there were.
uint64_t null_queue_clear(null_queue *queue);

// Bytes to send.
typedef struct {
    unsigned char *bytes;
    size_t length, capacity;
} null_buffer;

// Makes room for `count` more bytes and returns where they go; ends the process when there is no memory.
unsigned char *null_buffer_room(null_buffer *buffer, size_t count);

typedef struct {
    char tag[256];
    null_queue *queue;
    int is_cancelled;
    uint32_t prefetch, unsettled;
    // A whole delivery: method frame, header frame and body frames. Only the delivery tag differs.
    unsigned char *delivery;
    size_t method_length, tag_offset, length;
} null_consumer;

enum { null_ring = 1 << 17, null_channels = 256, null_consumers = 128 };

typedef struct {
    int confirms, awaits_confirm;
    uint64_t published;
    // The publish whose content is arriving.
    null_queue *target;
    unsigned char method[600];
    size_t method_length;
    uint64_t body_left;
    uint64_t pending;
    // Kept until the queue has one.
    null_buffer content;
    int keeps_content;
    // Consuming: which consumer each unsettled delivery tag from `settled + 1` to `delivered` belongs to; 0xff is settled.
    null_consumer *consumers[null_consumers];
    int consumer_count, next_consumer;
    uint32_t prefetch;
    uint64_t delivered, settled;
    uint8_t *owners;
} null_channel;

typedef struct {
    int socket;
    null_channel *channels[null_channels];
    null_buffer out;
    int closes;
} null_connection;

// Encodes a method with librabbitmq's codec into the buffer.
void null_send_method(null_connection *connection, uint16_t channel, uint32_t method, void *fields);
// Everything but publishing and settling: handshake, channels, queues, consumers.
void null_control(null_connection *connection, uint16_t channel, const unsigned char *payload, size_t length);
null_channel *null_open_channel(null_connection *connection, uint16_t number);
void null_close_channel(null_connection *connection, uint16_t number);
// Settles deliveries: one, or all up to the tag.
void null_settle(null_channel *channel, uint64_t tag, int multiple, int requeue);
// Appends deliveries while there are messages, prefetch allows and the buffer is not large.
void null_deliver(null_connection *connection, uint16_t number);
