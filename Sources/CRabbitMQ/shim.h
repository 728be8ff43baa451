// librabbitmq used as a stateless codec. Headers moved to rabbitmq-c/ in 0.12.
#ifndef HAREBELL_CRABBITMQ_SHIM_H
#define HAREBELL_CRABBITMQ_SHIM_H
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif
#endif
