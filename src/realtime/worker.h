// SPDX-License-Identifier: Apache-2.0
// The detector worker's protocol on WebSockets: both generations of messages of a backend that
// connects to "/" or "/ws/worker". Loop thread only.
#ifndef NJ_REALTIME_WORKER_H
#define NJ_REALTIME_WORKER_H

#include "health/metrics.h"
#include "net/websocket.h"
#include "pipeline/subscriptions.h"

// What is done with a message that has members which neither generation knows.
enum nj_worker_unknown { NJ_WORKER_UNKNOWN_REFUSE, NJ_WORKER_UNKNOWN_IGNORE };

struct nj_worker_options {
    nj_us report_us; // stateReport, 2 s
    nj_us ping_us;   // who sends nothing from one ping to the next is closed, 1008; 0: no pings
    int64_t max_connections;
    int64_t max_message_bytes;  // longer ones are answered with an error; four times as long: 1009
    int64_t max_queued_bytes;   // of all backends together; beyond it the slowest is closed, 1008
    double messages_per_second; // of one connection; more are answered with an error
    int unknown_fields;         // enum nj_worker_unknown
    bool payload_form;          // imageDetection in the older payload form
    bool patch_session;         // a session that gets its id is sent what is known of the car
};
extern const struct nj_option_group nj_worker_option_group; // group "worker_protocol"

struct nj_worker_vitals {
    double cpu, memory, gpu, gpu_memory; // percent; negative: not known
    int database, redis;                 // 1 there, 0 not, negative: not configured
    uint64_t actions_failed;             // since the start
};
struct nj_worker_config {
    const struct nj_worker_options *options;
    struct nj_loop *loop;
    // Filled in when it is made: the sink of the subscriptions is nj_worker_sink(worker). NULL: not
    // there yet, or no more.
    struct nj_subscriptions *(*subscriptions)(void *context);
    void (*vitals)(void *context, struct nj_worker_vitals *out); // gathers without waiting
    void *context;
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;
};

struct nj_worker;

int nj_worker_create(const struct nj_worker_config *config, struct nj_worker **out,
                     struct nj_error *err);
void nj_worker_destroy(struct nj_worker *worker);
struct nj_subscription_sink nj_worker_sink(struct nj_worker *worker);

// Takes the upgrade request (it is answered in any case). A stateReport follows, after the pause
// that the one before may have left (up to 100 ms).
void nj_worker_accept(struct nj_worker *worker, struct nj_http_request *request,
                      const char *subprotocol);
void nj_worker_stop(struct nj_worker *worker); // closes all with 1001, takes no more

// One text message of connection `owner`, answered through `answer`; for tests and fuzzing of the
// same code that the sockets use.
struct nj_worker_answer {
    void (*fn)(void *arg, const char *text, size_t length);
    void (*report)(void *arg); // a stateReport is the answer; several may be answered by one
    void *arg;
};
void nj_worker_handle(struct nj_worker *worker, uint64_t owner, const char *text, size_t length,
                      struct nj_worker_answer answer);

// Codes of errors, one table; docs/worker-protocol.md has the same rows.
struct nj_worker_error {
    const char *code;      // "stream_timeout"
    const char *exception; // class that older backends know: "StreamTimeoutError"
    const char *meaning;
};
extern const struct nj_worker_error nj_worker_errors[];
extern const size_t nj_worker_error_count;

size_t nj_worker_connections(const struct nj_worker *worker);

#endif
