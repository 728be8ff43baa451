#define _GNU_SOURCE
#include "CBaseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

static double now_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// The measured section: between these two calls.
static void begin(const cbaseline_job *job, cbaseline_result *result) {
    result->calls = cbaseline_calls(job->call_counter);
    result->cpu_seconds = cbaseline_cpu_seconds();
    result->seconds = now_seconds();
}

static void end(const cbaseline_job *job, cbaseline_result *result) {
    result->seconds = now_seconds() - result->seconds;
    result->cpu_seconds = cbaseline_cpu_seconds() - result->cpu_seconds;
    if (result->calls >= 0) result->calls = cbaseline_calls(job->call_counter) - result->calls;
}

static int failed(cbaseline_result *result, const char *what, int status) {
    snprintf(result->error, sizeof result->error, "%s: %s", what, amqp_error_string2(status));
    return 1;
}

// Returns 0 if the call was answered.
static int check(amqp_rpc_reply_t reply, const char *what, cbaseline_result *result) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return 0;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) return failed(result, what, reply.library_error);
    snprintf(result->error, sizeof result->error, "%s: refused by the broker", what);
    return 1;
}

// Which publishes are confirmed; quorum queues confirm out of order.
typedef struct {
    unsigned char *done;
    uint64_t low, confirmed;
} confirms;

static void confirm(confirms *state, uint64_t tag, int multiple) {
    if (!multiple && !state->done[tag]) {
        state->done[tag] = 1;
        state->confirmed++;
    }
    for (; multiple && state->low <= tag; state->low++) {
        if (state->done[state->low]) continue;
        state->done[state->low] = 1;
        state->confirmed++;
    }
}

// Takes the confirms that have arrived; waits for one if there is nothing else to do.
static void take_confirms(amqp_connection_state_t connection, confirms *state, uint64_t sent, int waits,
                          cbaseline_result *result) {
    struct timeval zero = {0, 0};
    while (!result->error[0]) {
        amqp_frame_t frame;
        int status = amqp_simple_wait_frame_noblock(connection, &frame, waits ? NULL : &zero);
        if (status == AMQP_STATUS_TIMEOUT) return;
        if (status) return (void)failed(result, "amqp_simple_wait_frame_noblock", status);
        if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
            amqp_basic_ack_t *ack = frame.payload.method.decoded;
            if (ack->delivery_tag <= sent) confirm(state, ack->delivery_tag, ack->multiple);
        } else if (frame.frame_type == AMQP_FRAME_METHOD) {
            snprintf(result->error, sizeof result->error, "unexpected %s", amqp_method_name(frame.payload.method.id));
        }
        amqp_maybe_release_buffers_on_channel(connection, 1);
        if (!amqp_data_in_buffer(connection) && !amqp_frames_enqueued(connection)) return;
        waits = 0;
    }
}

// amqp_basic_publish with pipelined confirms: as many as the window allows, then whatever confirms there are.
static void publish(amqp_connection_state_t connection, const cbaseline_job *job, cbaseline_result *result) {
    amqp_confirm_select(connection, 1);
    if (check(amqp_get_rpc_reply(connection), "confirm.select", result)) return;
    char *bytes = calloc(1, (size_t)job->bytes + 1);
    confirms state = {calloc(1, (size_t)job->count + 1), 1, 0};
    if (!bytes || !state.done) {
        free(bytes);
        free(state.done);
        return (void)failed(result, "memory", AMQP_STATUS_NO_MEMORY);
    }
    amqp_bytes_t body = {(size_t)job->bytes, bytes};
    amqp_bytes_t key = amqp_cstring_bytes(job->queue);
    amqp_basic_properties_t properties = {0};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
    properties.delivery_mode = (uint8_t)job->delivery_mode;
    properties.content_type = amqp_cstring_bytes("application/json");
    uint64_t sent = 0, count = (uint64_t)job->count, window = (uint64_t)job->window;
    begin(job, result);
    while (state.confirmed < count && !result->error[0]) {
        while (sent < count && sent - state.confirmed < window) {
            int status = amqp_basic_publish(connection, 1, amqp_empty_bytes, key, 0, 0, &properties, body);
            if (status) {
                failed(result, "amqp_basic_publish", status);
                break;
            }
            sent++;
            // Looking for confirms after every publish would cost it a system call.
            if (window > 100 && (sent & 63)) continue;
            break;
        }
        int isFull = sent - state.confirmed >= window || sent == count;
        take_confirms(connection, &state, sent, isFull, result);
    }
    end(job, result);
    free(bytes);
    free(state.done);
}

static int start_consumers(amqp_connection_state_t connection, const cbaseline_job *job, cbaseline_result *result) {
    int prefetch = job->window / job->consumers;
    amqp_basic_qos(connection, 1, 0, (uint16_t)(prefetch > 0 ? prefetch : 1), 0);
    if (check(amqp_get_rpc_reply(connection), "basic.qos", result)) return 1;
    for (int index = 0; index < job->consumers; index++) {
        amqp_basic_consume(connection, 1, amqp_cstring_bytes(job->queue), amqp_empty_bytes, 0, 0, 0,
                           amqp_empty_table);
        if (check(amqp_get_rpc_reply(connection), "basic.consume", result)) return 1;
    }
    return 0;
}

// amqp_consume_message, with one ack for a hundred deliveries.
static void consume(amqp_connection_state_t connection, const cbaseline_job *job, cbaseline_result *result) {
    int batch = job->window < 200 ? (job->window + 1) / 2 : 100;
    begin(job, result);
    if (job->count > 0 && start_consumers(connection, job, result)) return;
    for (int taken = 1; taken <= job->count; taken++) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers_on_channel(connection, 1);
        if (check(amqp_consume_message(connection, &envelope, NULL, 0), "amqp_consume_message", result)) return;
        uint64_t tag = envelope.delivery_tag;
        amqp_destroy_envelope(&envelope);
        if (taken % batch == 0 || taken == job->count) {
            int status = amqp_basic_ack(connection, 1, tag, 1);
            if (status) return (void)failed(result, "amqp_basic_ack", status);
        }
    }
    end(job, result);
}

static amqp_socket_t *make_socket(amqp_connection_state_t connection, const cbaseline_job *job) {
    if (!job->authority) return amqp_tcp_socket_new(connection);
    amqp_socket_t *socket = amqp_ssl_socket_new(connection);
    if (!socket || amqp_ssl_socket_set_cacert(socket, job->authority)) return NULL;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    return socket;
}

typedef void (*work)(amqp_connection_state_t, const cbaseline_job *, cbaseline_result *);

static void run(const cbaseline_job *job, cbaseline_result *result, work work) {
    memset(result, 0, sizeof *result);
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = connection ? make_socket(connection, job) : NULL;
    struct timeval limit = {5, 0};
    int status = socket ? amqp_socket_open_noblock(socket, job->host, job->port, &limit) : AMQP_STATUS_NO_MEMORY;
    if (status) {
        failed(result, "connect", status);
    } else if (!check(amqp_login(connection, job->virtual_host, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, job->user,
                                 job->password),
                      "login", result)) {
        amqp_channel_open(connection, 1);
        if (!check(amqp_get_rpc_reply(connection), "channel.open", result)) work(connection, job, result);
        if (!result->error[0]) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    if (connection) amqp_destroy_connection(connection);
}

void cbaseline_publish(const cbaseline_job *job, cbaseline_result *result) { run(job, result, publish); }

void cbaseline_consume(const cbaseline_job *job, cbaseline_result *result) { run(job, result, consume); }
