#include "NullBroker.h"

#include <stdlib.h>
#include <string.h>

static null_queue *queues;
static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;

null_queue *null_queue_named(const void *name, size_t length) {
    pthread_mutex_lock(&queues_lock);
    null_queue *queue = queues;
    while (queue && !(strlen(queue->name) == length && !memcmp(queue->name, name, length))) queue = queue->next;
    if (!queue) {
        queue = calloc(1, sizeof *queue);
        if (!queue) abort();
        memcpy(queue->name, name, length < sizeof queue->name ? length : sizeof queue->name - 1);
        pthread_mutex_init(&queue->lock, NULL);
        queue->next = queues;
        queues = queue;
    }
    pthread_mutex_unlock(&queues_lock);
    return queue;
}

void null_queue_add(null_queue *queue, uint64_t count) {
    pthread_mutex_lock(&queue->lock);
    queue->ready += count;
    pthread_mutex_unlock(&queue->lock);
}

uint64_t null_queue_take(null_queue *queue, uint64_t wanted) {
    pthread_mutex_lock(&queue->lock);
    uint64_t taken = queue->ready < wanted ? queue->ready : wanted;
    queue->ready -= taken;
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

uint64_t null_queue_ready(null_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    uint64_t ready = queue->ready;
    pthread_mutex_unlock(&queue->lock);
    return ready;
}

void null_queue_keep(null_queue *queue, const void *content, size_t length) {
    pthread_mutex_lock(&queue->lock);
    if (!queue->content && (queue->content = malloc(length))) {
        memcpy(queue->content, content, length);
        queue->content_length = length;
    }
    pthread_mutex_unlock(&queue->lock);
}

uint64_t null_queue_clear(null_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    uint64_t ready = queue->ready;
    queue->ready = 0;
    free(queue->content);
    queue->content = NULL;
    queue->content_length = 0;
    pthread_mutex_unlock(&queue->lock);
    return ready;
}

unsigned char *null_buffer_room(null_buffer *buffer, size_t count) {
    if (buffer->length + count > buffer->capacity) {
        buffer->capacity = (buffer->length + count) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (!buffer->bytes) abort();
    }
    unsigned char *room = buffer->bytes + buffer->length;
    buffer->length += count;
    return room;
}
