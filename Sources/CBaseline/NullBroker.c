#define _GNU_SOURCE
#include "NullBroker.h"
#include "CBaseline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

static uint32_t get32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t get64(const unsigned char *bytes) { return (uint64_t)get32(bytes) << 32 | get32(bytes + 4); }

// basic.publish: after two reserved bytes the exchange and the routing key, which is the queue.
static void begin_publish(null_channel *channel, const unsigned char *payload, size_t length) {
    if (length > sizeof channel->method || length < 8) return;
    channel->pending = 1;
    // A publisher repeats itself; only a new method is read.
    if (channel->target && length == channel->method_length && !memcmp(channel->method, payload, length)) return;
    size_t key = 7 + payload[6];
    if (key >= length || key + 1 + payload[key] > length) return;
    memcpy(channel->method, payload, length);
    channel->method_length = length;
    channel->target = null_queue_named(payload + key + 1, payload[key]);
    channel->keeps_content = channel->target->content == NULL;
    channel->content.length = 0;
}

// A header or body frame of a publish.
static void take_content(null_channel *channel, const unsigned char *frame, size_t length) {
    if (!channel->pending || !channel->target) return;
    if (channel->keeps_content) memcpy(null_buffer_room(&channel->content, length), frame, length);
    if (frame[0] == AMQP_FRAME_HEADER) channel->body_left = get64(frame + 11);
    else channel->body_left -= length - 8;
    if (channel->body_left) return;
    channel->pending = 0;
    channel->published++;
    channel->awaits_confirm = 1;
    if (channel->keeps_content) null_queue_keep(channel->target, channel->content.bytes, channel->content.length);
    channel->keeps_content = 0;
    null_queue_add(channel->target, 1);
}

static void take_method(null_connection *connection, uint16_t number, const unsigned char *payload, size_t length) {
    null_channel *channel = number < null_channels ? connection->channels[number] : NULL;
    if (!channel) return null_control(connection, number, payload, length);
    switch (get32(payload)) {
        case AMQP_BASIC_PUBLISH_METHOD: return begin_publish(channel, payload, length);
        case AMQP_BASIC_ACK_METHOD: return null_settle(channel, get64(payload + 4), payload[12] & 1, 0);
        case AMQP_BASIC_NACK_METHOD: return null_settle(channel, get64(payload + 4), payload[12] & 1, payload[12] & 2);
        case AMQP_BASIC_REJECT_METHOD: return null_settle(channel, get64(payload + 4), 0, payload[12] & 1);
        default: return null_control(connection, number, payload, length);
    }
}

static void take_frame(null_connection *connection, const unsigned char *frame, size_t length) {
    uint16_t number = (uint16_t)(frame[1] << 8 | frame[2]);
    if (frame[0] == AMQP_FRAME_METHOD) {
        take_method(connection, number, frame + 7, length - 8);
    } else if ((frame[0] == AMQP_FRAME_HEADER || frame[0] == AMQP_FRAME_BODY) && number < null_channels) {
        null_channel *channel = connection->channels[number];
        if (channel) take_content(channel, frame, length);
    } else if (frame[0] == AMQP_FRAME_HEARTBEAT) {
        // As often as the client's own, and with no clock here.
        memcpy(null_buffer_room(&connection->out, length), frame, length);
    }
}

static int flush_out(null_connection *connection) {
    size_t sent = 0;
    while (sent < connection->out.length) {
        unsigned char *bytes = connection->out.bytes + sent;
        ssize_t count = send(connection->socket, bytes, connection->out.length - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return -1;
        sent += (size_t)count;
    }
    connection->out.length = 0;
    return 0;
}

// What a read brought is answered with one write: confirms of all that was published, deliveries up to the prefetch.
static int answer_batch(null_connection *connection) {
    int more = 1;
    while (more) {
        more = 0;
        for (uint16_t number = 1; number < null_channels; number++) {
            null_channel *channel = connection->channels[number];
            if (!channel) continue;
            if (channel->confirms && channel->awaits_confirm) {
                amqp_basic_ack_t ack = {channel->published, 1};
                null_send_method(connection, number, AMQP_BASIC_ACK_METHOD, &ack);
            }
            channel->awaits_confirm = 0;
            size_t before = connection->out.length;
            null_deliver(connection, number);
            if (connection->out.length >= 256 * 1024 && connection->out.length > before) more = 1;
        }
        if (flush_out(connection)) return -1;
    }
    return 0;
}

static size_t take_frames(null_connection *connection, const unsigned char *bytes, size_t length) {
    size_t taken = 0;
    while (length - taken >= 8) {
        const unsigned char *frame = bytes + taken;
        size_t size = 8 + (size_t)get32(frame + 3);
        if (length - taken < size) break;
        take_frame(connection, frame, size);
        taken += size;
    }
    return taken;
}

static void *serve(void *argument) {
    null_connection connection = {.socket = (int)(intptr_t)argument};
    size_t capacity = 512 * 1024, length = 0;
    unsigned char *bytes = malloc(capacity);
    int greeted = 0, one = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (bytes && !connection.closes) {
        ssize_t count = recv(connection.socket, bytes + length, capacity - length, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        length += (size_t)count;
        size_t taken = 0;
        if (!greeted && length >= 8) {
            greeted = 1;
            taken = 8;
            null_control(&connection, 0, NULL, 0);
        }
        if (greeted) taken += take_frames(&connection, bytes + taken, length - taken);
        memmove(bytes, bytes + taken, length - taken);
        length -= taken;
        if (answer_batch(&connection)) break;
    }
    for (uint16_t number = 0; number < null_channels; number++) null_close_channel(&connection, number);
    close(connection.socket);
    free(connection.out.bytes);
    free(bytes);
    return NULL;
}

int cbaseline_null_broker_listen(int *port) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return -1;
    *port = ntohs(address.sin_port);
    return listener;
}

static void *accept_all(void *argument) {
    int listener = (int)(intptr_t)argument;
    for (;;) {
        int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)socket)) close(socket);
        else pthread_detach(thread);
    }
    return NULL;
}

void cbaseline_null_broker_serve(int listener) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener)) return;
    char byte;
    ssize_t count;
    while ((count = read(0, &byte, 1)) > 0 || (count < 0 && errno == EINTR)) {
    }
}
