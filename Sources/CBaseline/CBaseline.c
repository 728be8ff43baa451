#define _GNU_SOURCE
#include "CBaseline.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif

typedef struct {
    cbaseline_job job;
    char *strings[5];
    int consumes;
    void *context;
    cbaseline_done done;
} thread_argument;

static double now_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double cbaseline_cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 + (double)usage.ru_stime.tv_sec +
           (double)usage.ru_stime.tv_usec * 1e-6;
}

static int failed(cbaseline_result *result, const char *what, int status) {
    snprintf(result->error, sizeof result->error, "%s: %s", what, amqp_error_string2(status));
    return 1;
}

// Returns 0 if the last call was answered.
static int check(amqp_connection_state_t connection, amqp_rpc_reply_t reply, const char *what,
                 cbaseline_result *result) {
    (void)connection;
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

// amqp_basic_publish with pipelined confirms: as many as the window allows, then whatever confirms there are.
static void publish(amqp_connection_state_t connection, const cbaseline_job *job, cbaseline_result *result) {
    amqp_confirm_select(connection, 1);
    if (check(connection, amqp_get_rpc_reply(connection), "confirm.select", result)) return;
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
    properties.delivery_mode = 1;
    properties.content_type = amqp_cstring_bytes("application/json");
    struct timeval zero = {0, 0};
    uint64_t sent = 0, count = (uint64_t)job->count, window = (uint64_t)job->window;
    double cpu = cbaseline_cpu_seconds(), start = now_seconds();
    while (state.confirmed < count && !result->error[0]) {
        while (sent < count && sent - state.confirmed < window) {
            int status = amqp_basic_publish(connection, 1, amqp_empty_bytes, key, 0, 0, &properties, body);
            if (status) {
                failed(result, "amqp_basic_publish", status);
                break;
            }
            sent++;
            if (window > 100 && (sent & 63)) continue;
            break;
        }
        int isFull = sent - state.confirmed >= window || sent == count;
        while (!result->error[0]) {
            amqp_frame_t frame;
            int status = amqp_simple_wait_frame_noblock(connection, &frame, isFull ? NULL : &zero);
            if (status == AMQP_STATUS_TIMEOUT) break;
            if (status) {
                failed(result, "amqp_simple_wait_frame_noblock", status);
                break;
            }
            if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
                amqp_basic_ack_t *ack = frame.payload.method.decoded;
                if (ack->delivery_tag <= sent) confirm(&state, ack->delivery_tag, ack->multiple);
            } else if (frame.frame_type == AMQP_FRAME_METHOD) {
                snprintf(result->error, sizeof result->error, "unexpected %s",
                         amqp_method_name(frame.payload.method.id));
            }
            amqp_maybe_release_buffers_on_channel(connection, 1);
            if (!amqp_data_in_buffer(connection) && !amqp_frames_enqueued(connection)) break;
            isFull = 0;
        }
    }
    result->seconds = now_seconds() - start;
    result->cpu_seconds = cbaseline_cpu_seconds() - cpu;
    free(bytes);
    free(state.done);
}

// amqp_consume_message, with one ack for a hundred deliveries.
static void consume(amqp_connection_state_t connection, const cbaseline_job *job, cbaseline_result *result) {
    amqp_basic_qos(connection, 1, 0, (uint16_t)job->window, 0);
    if (check(connection, amqp_get_rpc_reply(connection), "basic.qos", result)) return;
    int batch = job->window < 200 ? (job->window + 1) / 2 : 100;
    double cpu = cbaseline_cpu_seconds(), start = now_seconds();
    amqp_basic_consume(connection, 1, amqp_cstring_bytes(job->queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    if (check(connection, amqp_get_rpc_reply(connection), "basic.consume", result)) return;
    for (int taken = 1; taken <= job->count; taken++) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers_on_channel(connection, 1);
        if (check(connection, amqp_consume_message(connection, &envelope, NULL, 0), "amqp_consume_message", result))
            return;
        uint64_t tag = envelope.delivery_tag;
        amqp_destroy_envelope(&envelope);
        if (taken % batch == 0 || taken == job->count) {
            int status = amqp_basic_ack(connection, 1, tag, 1);
            if (status) return (void)failed(result, "amqp_basic_ack", status);
        }
    }
    result->seconds = now_seconds() - start;
    result->cpu_seconds = cbaseline_cpu_seconds() - cpu;
}

static void run(const thread_argument *argument, cbaseline_result *result) {
    const cbaseline_job *job = &argument->job;
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = connection ? amqp_tcp_socket_new(connection) : NULL;
    if (!socket) return (void)failed(result, "connection", AMQP_STATUS_NO_MEMORY);
    struct timeval limit = {5, 0};
    int status = amqp_socket_open_noblock(socket, job->host, job->port, &limit);
    if (status) {
        failed(result, "connect", status);
    } else if (!check(connection,
                      amqp_login(connection, job->virtual_host, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, job->user,
                                 job->password),
                      "login", result)) {
        amqp_channel_open(connection, 1);
        if (!check(connection, amqp_get_rpc_reply(connection), "channel.open", result)) {
            if (argument->consumes) consume(connection, job, result);
            else publish(connection, job, result);
        }
        if (!result->error[0]) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    amqp_destroy_connection(connection);
}

static void release(thread_argument *argument) {
    for (int index = 0; index < 5; index++) free(argument->strings[index]);
    free(argument);
}

static void *thread_main(void *pointer) {
    thread_argument *argument = pointer;
    cbaseline_result result;
    memset(&result, 0, sizeof result);
    run(argument, &result);
    argument->done(argument->context, result);
    release(argument);
    return NULL;
}

static int start(const cbaseline_job *job, int consumes, void *context, cbaseline_done done) {
    thread_argument *argument = calloc(1, sizeof *argument);
    if (!argument) return 12;
    argument->job = *job;
    argument->consumes = consumes;
    argument->context = context;
    argument->done = done;
    argument->job.host = argument->strings[0] = strdup(job->host);
    argument->job.user = argument->strings[1] = strdup(job->user);
    argument->job.password = argument->strings[2] = strdup(job->password);
    argument->job.virtual_host = argument->strings[3] = strdup(job->virtual_host);
    argument->job.queue = argument->strings[4] = strdup(job->queue);
    pthread_t thread;
    int status = pthread_create(&thread, NULL, thread_main, argument);
    if (status) release(argument);
    else pthread_detach(thread);
    return status;
}

int cbaseline_publish(const cbaseline_job *job, void *context, cbaseline_done done) {
    return start(job, 0, context, done);
}

int cbaseline_consume(const cbaseline_job *job, void *context, cbaseline_done done) {
    return start(job, 1, context, done);
}
