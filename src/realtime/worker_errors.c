// SPDX-License-Identifier: Apache-2.0
// The table of errors, and how one is written, counted and logged.
#include "realtime/worker_priv.h"
#include "util/mem.h"

// In the order of enum nj_worker_code.
const struct nj_worker_error nj_worker_errors[] = {
    {"invalid_json", "MessageProcessingError",
     "The message is not JSON, or has a number beyond 64 bits or \\u0000 in it."},
    {"invalid_message", "MessageProcessingError", "It is no object with a text as its type."},
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
     "Its place is not allowed, or it names files outside of itself."},
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

void nj_worker_write_error(struct nj_worker *worker, enum nj_worker_code code, const char *message,
                           const char *subscription, struct nj_buf *out)
{
    const struct nj_worker_error *row = &nj_worker_errors[code];
    struct nj_json_writer writer;
    if (worker->config.metrics != NULL)
        nj_metric_add(nj_metrics_get(worker->config.metrics, &errors_spec, row->code), 1);
    nj_log_at(worker->config.log, NJ_LOG_DEBUG, "A backend was told an error",
              NJ_TEXT("code", row->code), NJ_TEXT("reason", message));
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "error");
    nj_json_text(&writer, "code", row->code);
    nj_json_text(&writer, "exception", row->exception);
    nj_json_text(&writer, "message", message);
    if (subscription != NULL && subscription[0] != '\0')
        nj_json_text(&writer, "subscriptionIdentifier", subscription);
    nj_json_object_end(&writer);
}

void nj_worker_refuse(const struct nj_worker_turn *turn, enum nj_worker_code code,
                      const char *message, const char *subscription)
{
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_worker_write_error(turn->worker, code, message, subscription, &buf);
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
