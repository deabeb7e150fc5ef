// SPDX-License-Identifier: Apache-2.0
// The table of errors, and how one is written, counted and logged.
#include "realtime/worker_priv.h"
#include "util/mem.h"

// In the order of enum nj_worker_code.
const struct nj_worker_error nj_worker_errors[] = {
    {"invalid_json", "MessageProcessingError",
     "The message is not JSON, or has a number beyond 64 bits or \\u0000 in it."},
    {"invalid_message", "MessageProcessingError",
     "It is no object with a text as its type, or has a member that is not known."},
    {"unknown_type", "MessageProcessingError", "No message of this type is known."},
    {"missing_member", "MessageProcessingError", "A member that must be there is missing."},
    {"invalid_member", "MessageProcessingError", "A member has a wrong type, length or value."},
    {"message_too_big", "MessageProcessingError", "Longer than worker_protocol.max_message_bytes."},
    {"rate_limited", "MessageProcessingError",
     "More messages than worker_protocol.messages_per_second."},
    {"not_subscribed", "MessageProcessingError", "This connection does not hold it."},
    {"unknown_display", "MessageProcessingError", "The display has no subscription."},
    {"too_many_subscriptions", "ConfigurationError", "A limit of group worker was met."},
    {"address_denied", "ConfigurationError", "Refused by worker.allow_* and worker.allowed_hosts."},
    {"stream_error", "StreamError", "The stream broke; it is tried again."},
    {"stream_unreachable", "ConnectionError",
     "The stream could not be connected to; it is tried again."},
    {"stream_timeout", "StreamTimeoutError", "The stream sent nothing in time; it is tried again."},
    {"stream_failed", "StreamError",
     "The stream was given up after worker.max_retries; subscribing again revives it."},
    {"crop_outside", "StreamError", "The crop lies outside of the picture."},
    {"archive_unavailable", "ModelLoadError", "The archive could not be had; it is tried again."},
    {"archive_invalid", "ModelLoadError", "The archive, or a model in it, is wrong."},
    {"archive_denied", "ModelLoadError",
     "Its place is not allowed, or the name or kind of a file in it is not."},
    {"model_no_room", "ModelCacheError", "There was no room for its models; it is tried again."},
    {"model_error", "ModelError", "A picture could not be looked at."},
    {"pipeline_error", "PipelineError", "A run of the archive's pipeline ended with an error."},
    {"branch_error", "BranchExecutionError", "A branch of a run ended with an error."},
    {"action_error", "ActionExecutionError", "Actions failed; they are dead letters now."},
    {"database_unavailable", "DatabaseError", "The database does not answer."},
    {"redis_unavailable", "RedisError", "Redis does not answer."},
    {"stopping", "DetectorWorkerError", "The program is stopping or still starting."},
    {"internal", "DetectorWorkerError", "Our own trouble, such as lack of memory."},
};
const size_t nj_worker_error_count = NJ_COUNT_OF(nj_worker_errors);

_Static_assert(NJ_COUNT_OF(nj_worker_errors) == NJ_WORKER_CODES, "a row for each code");

static const struct nj_metric_spec errors_spec = {
    .type = NJ_COUNTER,
    .name = "worker_errors_total",
    .help = "Errors that were told to backends, by code.",
    .label = "code",
};

// A connection may have so many lines in one go, then one in ten seconds; so may all of what no
// connection made, by code.
static const double lines_at_once = 20, lines_per_second = 0.1;

void nj_worker_lines_begin(struct nj_worker_lines *lines, nj_us now_us)
{
    *lines = (struct nj_worker_lines){.allowance = {lines_at_once, now_us}};
}

struct told {
    struct nj_worker *worker;
    const struct nj_worker_error *error;
    uint64_t owner; // who made it; 0: nobody who is connected
    const char *message, *subscription;
};

static struct nj_worker_lines *lines_of(const struct told *told)
{
    struct nj_worker *worker = told->worker;
    for (struct nj_list *at = worker->connections.next; at != &worker->connections; at = at->next)
        if (nj_worker_connection_of(at)->owner == told->owner)
            return &nj_worker_connection_of(at)->lines;
    return &worker->lines[told->error - nj_worker_errors];
}

static void log_error(const struct told *told)
{
    struct nj_worker_lines *lines = lines_of(told);
    struct nj_log_field fields[6] = {
        NJ_TEXT("code", told->error->code),
        NJ_TEXT("exception", told->error->exception),
        NJ_TEXT("reason", told->message),
    };
    size_t count = 3;
    if (told->owner != 0)
        fields[count++] = NJ_INT("connection", (int64_t)told->owner);
    if (told->subscription != NULL && told->subscription[0] != '\0')
        fields[count++] = NJ_TEXT("subscription", told->subscription);
    const bool may = nj_worker_spend(&lines->allowance, lines_per_second, lines_at_once,
                                     nj_worker_now_us(told->worker));
    if (may && lines->left_out > 0)
        fields[count++] = NJ_INT("left_out", lines->left_out);
    lines->left_out = may ? 0 : lines->left_out + 1;
    nj_log_write(told->worker->config.log, may ? NJ_LOG_WARNING : NJ_LOG_DEBUG,
                 (struct nj_log_place){__FILE__, __LINE__}, "A backend was told an error",
                 (struct nj_log_fields){fields, count});
}

static void write_error(const struct told *told, struct nj_buf *out)
{
    struct nj_worker *worker = told->worker;
    struct nj_json_writer writer;
    if (worker->config.metrics != NULL)
        nj_metric_add(nj_metrics_get(worker->config.metrics, &errors_spec, told->error->code), 1);
    log_error(told);
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "error");
    nj_json_text(&writer, "code", told->error->code);
    nj_json_text(&writer, "exception", told->error->exception);
    nj_json_text(&writer, "message", told->message);
    if (told->subscription != NULL && told->subscription[0] != '\0')
        nj_json_text(&writer, "subscriptionIdentifier", told->subscription);
    nj_json_object_end(&writer);
}

void nj_worker_write_error(struct nj_worker *worker, enum nj_worker_code code, const char *message,
                           const char *subscription, struct nj_buf *out)
{
    const struct told told = {.worker = worker,
                              .error = &nj_worker_errors[code],
                              .message = message,
                              .subscription = subscription};
    write_error(&told, out);
}

void nj_worker_refuse(const struct nj_worker_turn *turn, enum nj_worker_code code,
                      const char *message, const char *subscription)
{
    const struct told told = {turn->worker, &nj_worker_errors[code], turn->owner, message,
                              subscription};
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    write_error(&told, &buf);
    if (nj_buf_failed(&buf) == 0)
        turn->answer.fn(turn->answer.arg, buf.data, buf.length);
    nj_buf_finish(&buf);
}

enum nj_worker_code nj_worker_code_of(int rc)
{
    switch (rc) {
    case NJ_E_INVALID:
    case NJ_E_TOO_BIG:
    case NJ_E_UNSUPPORTED:
        return NJ_WORKER_INVALID_MEMBER;
    case NJ_E_DENIED:
        return NJ_WORKER_ADDRESS_DENIED;
    case NJ_E_FULL:
        return NJ_WORKER_TOO_MANY_SUBSCRIPTIONS;
    case NJ_E_NOT_FOUND:
        return NJ_WORKER_NOT_SUBSCRIBED;
    case NJ_E_CANCELLED:
        return NJ_WORKER_STOPPING;
    default:
        return NJ_WORKER_INTERNAL;
    }
}

enum nj_worker_code nj_worker_code_of_stream(const struct nj_source_stats *stats)
{
    if (stats->code == NJ_E_DENIED)
        return NJ_WORKER_ADDRESS_DENIED;
    if (stats->state == NJ_SOURCE_FAILED)
        return NJ_WORKER_STREAM_FAILED;
    if (stats->code == NJ_E_TIMEOUT)
        return NJ_WORKER_STREAM_TIMEOUT;
    return stats->code == NJ_E_UNAVAILABLE ? NJ_WORKER_STREAM_UNREACHABLE : NJ_WORKER_STREAM_ERROR;
}

enum nj_worker_code nj_worker_code_of_model(int rc)
{
    switch (rc) {
    case NJ_E_UNAVAILABLE:
    case NJ_E_TIMEOUT:
    case NJ_E_IO:
        return NJ_WORKER_ARCHIVE_UNAVAILABLE;
    case NJ_E_NOMEM:
    case NJ_E_FULL:
        return NJ_WORKER_MODEL_NO_ROOM;
    case NJ_E_DENIED:
        return NJ_WORKER_ARCHIVE_DENIED;
    default:
        return NJ_WORKER_ARCHIVE_INVALID;
    }
}
