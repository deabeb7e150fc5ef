// SPDX-License-Identifier: Apache-2.0
// Options of the worker's protocol.
#include "realtime/worker.h"
#include "util/mem.h"

#define MEMBER(field) offsetof(struct nj_worker_options, field)

// In the order of enum nj_worker_unknown.
static const char *const unknown_choices[] = {"refuse", "ignore", NULL};

static const struct nj_option options[] = {
    {.name = "report_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(report_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "2",
     .help = "How often every connection is sent a stateReport."},
    {.name = "ping_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(ping_us),
     .max = 3600,
     .unit = "s",
     .fallback = "20",
     .help = "How often every connection is sent a ping; one that sends nothing until the next is "
             "closed with 1008, so that a backend that is gone holds no subscriptions. 0: never."},
    {.name = "max_connections",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(max_connections),
     .min = 1,
     .max = 10000,
     .fallback = "64",
     .help = "Backends connected at once; further ones are answered with 503."},
    {.name = "max_message_bytes",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(max_message_bytes),
     .min = 1024,
     .max = 16777216,
     .unit = "bytes",
     .fallback = "1048576",
     .help = "Longest message of a backend. A longer one is answered with an error; one of four "
             "times this length closes the WebSocket with 1009."},
    {.name = "max_queued_bytes",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(max_queued_bytes),
     .min = 1048576,
     .max = 4294967296,
     .unit = "bytes",
     .fallback = "67108864",
     .help = "What may wait for all backends together that read more slowly than they are sent; "
             "beyond it the slowest is closed with 1008."},
    {.name = "messages_per_second",
     .type = NJ_OPTION_NUMBER,
     .offset = MEMBER(messages_per_second),
     .min = 0.1,
     .max = 100000,
     .unit = "messages per second",
     .fallback = "50",
     .help = "Messages a second of one connection; ten times as many may come in one go. More are "
             "answered with an error."},
    {.name = "unknown_fields",
     .type = NJ_OPTION_CHOICE,
     .offset = MEMBER(unknown_fields),
     .choices = unknown_choices,
     .fallback = "refuse",
     .help = "What is done with a message, or an entry of its list, that has members which neither "
             "generation of the protocol knows: refuse answers with an error that names the first "
             "of them and changes nothing; ignore passes over them."},
    {.name = "payload_form",
     .type = NJ_OPTION_BOOL,
     .offset = MEMBER(payload_form),
     .fallback = "false",
     .help = "Send imageDetection in the older form, with its members in payload."},
    {.name = "patch_session",
     .type = NJ_OPTION_BOOL,
     .offset = MEMBER(patch_session),
     .fallback = "true",
     .help = "When a session gets its id, send patchSession with what is known of its car."},
};

const struct nj_option_group nj_worker_option_group = {
    .name = "worker_protocol",
    .title = "Detector worker: protocol",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_worker_options),
};
