// SPDX-License-Identifier: Apache-2.0
// What the files of the worker's protocol share: connections, members of messages, errors.
#ifndef NJ_REALTIME_WORKER_PRIV_H
#define NJ_REALTIME_WORKER_PRIV_H

#include "realtime/worker.h"
#include "util/json_reader.h"
#include "util/json_writer.h"
#include "util/list.h"

enum {
    NJ_WORKER_TEXT_MAX = 64 << 20, // of what we send: a report of as many subscriptions as can be
    NJ_WORKER_TYPES = 10,          // kinds of messages that may come
};

enum nj_worker_code { // index into nj_worker_errors
    NJ_WORKER_INVALID_JSON,
    NJ_WORKER_INVALID_MESSAGE,
    NJ_WORKER_UNKNOWN_TYPE,
    NJ_WORKER_MISSING_MEMBER,
    NJ_WORKER_INVALID_MEMBER,
    NJ_WORKER_MESSAGE_TOO_BIG,
    NJ_WORKER_RATE_LIMITED,
    NJ_WORKER_NOT_SUBSCRIBED,
    NJ_WORKER_UNKNOWN_DISPLAY,
    NJ_WORKER_TOO_MANY_SUBSCRIPTIONS,
    NJ_WORKER_ADDRESS_DENIED,
    NJ_WORKER_STREAM_ERROR,
    NJ_WORKER_STREAM_UNREACHABLE,
    NJ_WORKER_STREAM_TIMEOUT,
    NJ_WORKER_STREAM_FAILED,
    NJ_WORKER_CROP_OUTSIDE,
    NJ_WORKER_ARCHIVE_UNAVAILABLE,
    NJ_WORKER_ARCHIVE_INVALID,
    NJ_WORKER_ARCHIVE_DENIED,
    NJ_WORKER_MODEL_NO_ROOM,
    NJ_WORKER_MODEL_ERROR,
    NJ_WORKER_PIPELINE_ERROR,
    NJ_WORKER_BRANCH_ERROR,
    NJ_WORKER_ACTION_ERROR,
    NJ_WORKER_DATABASE_UNAVAILABLE,
    NJ_WORKER_REDIS_UNAVAILABLE,
    NJ_WORKER_STOPPING,
    NJ_WORKER_INTERNAL,
    NJ_WORKER_CODES
};

// What may still be done now, of something that comes at a rate.
struct nj_worker_allowance {
    double left;
    nj_us filled_us;
};

// Lines of the log about errors: a flood of errors is no flood of lines.
struct nj_worker_lines {
    struct nj_worker_allowance allowance;
    int64_t left_out; // since the last line
};

struct nj_worker_connection {
    struct nj_worker *worker; // NULL: it was destroyed before the socket closed
    struct nj_websocket *socket;
    struct nj_list node;
    uint64_t owner;
    struct nj_worker_allowance messages;
    struct nj_worker_lines lines;
    nj_us refused_us, pinged_us;
    bool wants_report; // with the next one that is made
};

struct nj_worker {
    struct nj_worker_config config;
    struct nj_list connections;
    size_t count;
    uint64_t next_owner;
    struct nj_timer report, soon, ping;
    nj_us report_due_us, next_report_us; // next: not sooner
    bool changed;                        // the next report is for everybody
    bool stopped;
    struct nj_worker_vitals told; // what the last report said
    bool has_told;
    struct nj_worker_lines lines[NJ_WORKER_CODES]; // of errors that no connection made
    struct nj_metric *metric_connections, *metric_delay;
    struct nj_metric *metric_messages[NJ_WORKER_TYPES + 1]; // the last: unknown types
    struct nj_metric *metric_patches[2];                    // results: failed, succeeded
};

static inline nj_us nj_worker_now_us(const struct nj_worker *worker)
{
    return nj_mono_us(nj_loop_clock(worker->config.loop));
}

static inline struct nj_subscriptions *nj_worker_subscriptions(const struct nj_worker *worker)
{
    return worker->config.subscriptions(worker->config.context);
}

static inline struct nj_worker_connection *nj_worker_connection_of(struct nj_list *node)
{
    return NJ_CONTAINER_OF(node, struct nj_worker_connection, node);
}

// Whom a message belongs to and who hears the answer.
struct nj_worker_turn {
    struct nj_worker *worker;
    uint64_t owner;
    struct nj_worker_answer answer;
};

// worker.c: true when one more may be done; `most` is what may be done in one go.
bool nj_worker_spend(struct nj_worker_allowance *allowance, double per_second, double most,
                     nj_us now_us);

// worker_errors.c
void nj_worker_lines_begin(struct nj_worker_lines *lines, nj_us now_us);
// Counts, logs and answers. `subscription` may be NULL.
void nj_worker_refuse(const struct nj_worker_turn *turn, enum nj_worker_code code,
                      const char *message, const char *subscription);
// The message to all who hold the subscription, for those who send it themselves; counts and logs
// it.
void nj_worker_write_error(struct nj_worker *worker, enum nj_worker_code code, const char *message,
                           const char *subscription, struct nj_buf *out);
enum nj_worker_code nj_worker_code_of(int rc); // of a refusal by the subscriptions
enum nj_worker_code nj_worker_code_of_stream(const struct nj_source_stats *stats);
enum nj_worker_code nj_worker_code_of_model(int rc);

// worker_members.c
struct nj_worker_whole {
    bool given;
    int64_t value;
};
struct nj_worker_mark { // an id or a stage: text, number or null
    bool given, is_number;
    char text[NJ_SESSION_ID_SIZE]; // "": null
};
struct nj_worker_args { // of any message
    struct nj_subscription_spec spec;
    struct nj_worker_whole crop[4], snapshot_ms, model_id;
    char display[NJ_SUBSCRIPTION_ID_SIZE];
    struct nj_worker_mark session, stage;
    const json_t *data, *list; // borrowed from the message
    bool success;
    char message[256];
};
enum nj_worker_member_kind {
    NJ_MEMBER_TEXT,   // char[size]
    NJ_MEMBER_CUT,    // the same, cut where it is too long
    NJ_MEMBER_WHOLE,  // struct nj_worker_whole; also as text
    NJ_MEMBER_MARK,   // struct nj_worker_mark: text, number or null
    NJ_MEMBER_WORD,   // struct nj_worker_mark: text or null
    NJ_MEMBER_TRUTH,  // bool
    NJ_MEMBER_OBJECT, // const json_t *
    NJ_MEMBER_LIST,   // const json_t *
    NJ_MEMBER_UNREAD  // known to one of the generations, says nothing here; of any kind
};
struct nj_worker_member {
    const char *name;
    enum nj_worker_member_kind kind;
    bool required;
    size_t offset, size; // into nj_worker_args; size of a text with its NUL
    int64_t min, max;
};
struct nj_worker_source {
    const json_t *payload, *root;            // payload NULL: the root alone
    const struct nj_worker_member *envelope; // further ones that the root may have; NULL: none
    bool strict;                             // members that no table knows are refused
};
// Reads the members of a message, or of an entry of a list, from its payload or its top level. 0,
// or the code of the refusal with `err` filled; what was read before stays read.
int nj_worker_read_members(const struct nj_worker_member *members,
                           const struct nj_worker_source *source, struct nj_worker_args *args,
                           enum nj_worker_code *out_code, struct nj_error *err);
// Crop, interval and model id into the spec.
int nj_worker_finish_spec(struct nj_worker_args *args, enum nj_worker_code *out_code,
                          struct nj_error *err);

// worker_messages.c
const char *nj_worker_type(size_t index); // NULL: there are no more

// worker_report.c
void nj_worker_write_report(struct nj_worker *worker, struct nj_buf *out);
void nj_worker_write_detection(const struct nj_worker *worker,
                               const struct nj_subscription_view *view,
                               const struct nj_subscription_result *result, struct nj_buf *out);
// patchSession with `detection`, a JSON object, as the current car.
void nj_worker_write_patch(const struct nj_session *session, const char *detection,
                           struct nj_buf *out);
void nj_worker_write_session_id(const char *id, bool is_number, struct nj_json_writer *writer);

// worker_send.c: to every connection that holds the subscription; NULL: to all.
void nj_worker_send(struct nj_worker *worker, const char *subscription, const struct nj_buf *text);
// Whoever reads least is closed, without what waited for him, until all of them together leave no
// more unread than is allowed; those that are closing count too.
void nj_worker_bound_queues(struct nj_worker *worker);
// A stateReport to all, or to those who want one.
void nj_worker_report_now(struct nj_worker *worker, bool to_all);
void nj_worker_report_soon(struct nj_worker *worker, nj_us pause_us); // after the pause, or later
void nj_worker_handle_soon(struct nj_timer *timer);

// worker_patch.c: what is known of the display's car goes to its session.
void nj_worker_patch_sessions(struct nj_worker *worker, const char *display);

#endif
