// SPDX-License-Identifier: Apache-2.0
// What a backend may send, both generations: one table of types, their members and what is done. A
// message that is wrong gets an error with a stable code; it never closes the socket.
#include "realtime/worker_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MIN_MS = 100, INTERVAL_MAX_MS = 86400000, NAME_SHOWN = 64 };

#define PLACE(field)   .offset = offsetof(struct nj_worker_args, field)
#define TEXT_AT(field) PLACE(field), .size = sizeof((struct nj_worker_args *)0)->field

#define UNREAD(member)                                                                             \
    {                                                                                              \
        .name = (member), .kind = NJ_MEMBER_UNREAD                                                 \
    }

// What every message may have around its members.
static const struct nj_worker_member envelope_members[] = {
    UNREAD("type"),
    UNREAD("payload"),
    {.name = NULL},
};

static const struct nj_worker_member subscribe_members[] = {
    {"subscriptionIdentifier", NJ_MEMBER_TEXT, .required = true, TEXT_AT(spec.id)},
    {"rtspUrl", NJ_MEMBER_TEXT, TEXT_AT(spec.rtsp_url)},
    {"snapshotUrl", NJ_MEMBER_TEXT, TEXT_AT(spec.snapshot_url)},
    {"snapshotInterval", NJ_MEMBER_WHOLE, PLACE(snapshot_ms), .min = INTERVAL_MIN_MS,
     .max = INTERVAL_MAX_MS},
    {"modelUrl", NJ_MEMBER_TEXT, .required = true, TEXT_AT(spec.model_url)},
    {"modelSha256", NJ_MEMBER_TEXT, TEXT_AT(spec.model_sha256)},
    {"modelName", NJ_MEMBER_TEXT, TEXT_AT(spec.model_name)},
    {"modelId", NJ_MEMBER_WHOLE, PLACE(model_id), .min = INT64_MIN, .max = INT64_MAX},
    {"cropX1", NJ_MEMBER_WHOLE, PLACE(crop[0]), .max = NJ_FRAME_SIDE_MAX_PX},
    {"cropY1", NJ_MEMBER_WHOLE, PLACE(crop[1]), .max = NJ_FRAME_SIDE_MAX_PX},
    {"cropX2", NJ_MEMBER_WHOLE, PLACE(crop[2]), .max = NJ_FRAME_SIDE_MAX_PX},
    {"cropY2", NJ_MEMBER_WHOLE, PLACE(crop[3]), .max = NJ_FRAME_SIDE_MAX_PX},
    UNREAD("cameraIdentifier"), // of drafts
    UNREAD("cropX"),
    UNREAD("cropY"),
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member unsubscribe_members[] = {
    {"subscriptionIdentifier", NJ_MEMBER_TEXT, .required = true, TEXT_AT(spec.id)},
    UNREAD("cameraIdentifier"),
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member list_members[] = {
    {"subscriptions", NJ_MEMBER_LIST, .required = true, PLACE(list)},
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member session_members[] = {
    {"displayIdentifier", NJ_MEMBER_TEXT, TEXT_AT(display)},
    {"subscriptionIdentifier", NJ_MEMBER_TEXT, TEXT_AT(spec.id)},
    {"sessionId", NJ_MEMBER_MARK, .required = true, PLACE(session)},
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member stage_members[] = {
    {"displayIdentifier", NJ_MEMBER_TEXT, TEXT_AT(display)},
    {"subscriptionIdentifier", NJ_MEMBER_TEXT, TEXT_AT(spec.id)},
    {"progressionStage", NJ_MEMBER_WORD, .required = true, PLACE(stage)},
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member patch_members[] = {
    {"sessionId", NJ_MEMBER_MARK, .required = true, PLACE(session)},
    {"data", NJ_MEMBER_OBJECT, .required = true, PLACE(data)},
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member patch_result_members[] = {
    {"sessionId", NJ_MEMBER_MARK, .required = true, PLACE(session)},
    {"success", NJ_MEMBER_TRUTH, .required = true, PLACE(success)},
    {"message", NJ_MEMBER_CUT, TEXT_AT(message)},
    UNREAD("timestamp"),
    {.name = NULL},
};

static const struct nj_worker_member no_members[] = {UNREAD("timestamp"), {.name = NULL}};

static void answer_buf(const struct nj_worker_turn *turn, struct nj_buf *buf)
{
    if (nj_buf_failed(buf) == 0)
        turn->answer.fn(turn->answer.arg, buf->data, buf->length);
    nj_buf_finish(buf);
}

static void acknowledge(const struct nj_worker_turn *turn, const char *type, const char *id)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", type);
    nj_json_text(&writer, "status", "success");
    nj_json_text(&writer, "subscriptionId", id);
    nj_json_object_end(&writer);
    answer_buf(turn, &buf);
}

static void handle_subscribe(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    enum nj_worker_code code = NJ_WORKER_INVALID_MEMBER;
    struct nj_error err = {0};
    if (nj_worker_finish_spec(args, &code, &err) != 0) {
        nj_worker_refuse(turn, code, err.text, args->spec.id);
        return;
    }
    int rc =
        nj_subscriptions_add(nj_worker_subscriptions(turn->worker), turn->owner, &args->spec, &err);
    if (rc != 0)
        nj_worker_refuse(turn, nj_worker_code_of(rc), err.text, args->spec.id);
    else
        acknowledge(turn, "subscribeAck", args->spec.id);
}

static void handle_unsubscribe(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    struct nj_error err = {0};
    int rc = nj_subscriptions_remove(nj_worker_subscriptions(turn->worker), turn->owner,
                                     args->spec.id, &err);
    if (rc != 0)
        nj_worker_refuse(turn, nj_worker_code_of(rc), err.text, args->spec.id);
    else
        acknowledge(turn, "unsubscribeAck", args->spec.id);
}

static bool is_strict(const struct nj_worker_turn *turn)
{
    return turn->worker->config.options->unknown_fields == NJ_WORKER_UNKNOWN_REFUSE;
}

struct entries {
    const json_t *list;
    struct nj_worker_args *scratch; // of one after the other
    bool strict;
};

static int read_entry(const struct entries *entries, size_t index, enum nj_worker_code *out_code,
                      struct nj_error *err)
{
    const json_t *entry = json_array_get(entries->list, index);
    const struct nj_worker_source source = {.root = entry, .strict = entries->strict};
    struct nj_worker_args *args = entries->scratch;
    *out_code = NJ_WORKER_INVALID_MEMBER;
    memset(args, 0, sizeof *args);
    if (!json_is_object(entry))
        return nj_error_set(err, NJ_E_INVALID, "must be an object");
    int rc = nj_worker_read_members(subscribe_members, &source, args, out_code, err);
    return rc != 0 ? rc : nj_worker_finish_spec(args, out_code, err);
}

// `specs` NULL: only looks whether all are right, before there is memory for many of them.
static int read_entries(const struct entries *entries, struct nj_subscription_spec *specs,
                        enum nj_worker_code *out_code, struct nj_error *err)
{
    for (size_t i = 0; i < json_array_size(entries->list); i++) {
        int rc = read_entry(entries, i, out_code, err);
        if (rc != 0) {
            nj_error_prefix(err, "subscriptions[%zu]", i);
            return rc;
        }
        if (specs != NULL)
            specs[i] = entries->scratch->spec;
    }
    return 0;
}

static int set_list(const struct nj_worker_turn *turn, const struct entries *entries,
                    enum nj_worker_code *out_code, struct nj_error *err)
{
    const size_t count = json_array_size(entries->list);
    int rc = read_entries(entries, NULL, out_code, err);
    if (rc != 0)
        return rc;
    struct nj_subscription_spec *specs = nj_malloc_array(count + 1, sizeof *specs);
    if (specs == NULL) {
        *out_code = NJ_WORKER_INTERNAL;
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the list");
    }
    rc = read_entries(entries, specs, out_code, err);
    if (rc == 0) {
        rc = nj_subscriptions_set(nj_worker_subscriptions(turn->worker), turn->owner, specs, count,
                                  err);
        *out_code = nj_worker_code_of(rc);
    }
    free(specs);
    return rc;
}

// This generation knows no acks: the report tells how things stand.
static void handle_list(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    enum nj_worker_code code = NJ_WORKER_INVALID_MEMBER;
    struct nj_error err = {0};
    const struct entries entries = {
        .list = args->list,
        .scratch = malloc(sizeof *args),
        .strict = is_strict(turn),
    };
    if (entries.scratch == NULL) {
        nj_worker_refuse(turn, NJ_WORKER_INTERNAL, "no memory for the list", NULL);
        return;
    }
    if (set_list(turn, &entries, &code, &err) != 0)
        nj_worker_refuse(turn, code, err.text, NULL);
    else
        turn->answer.report(turn->answer.arg);
    free(entries.scratch);
}

static void handle_request(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    (void)args;
    turn->answer.report(turn->answer.arg);
}

// The display that is meant; false: the message was refused.
static bool find_display(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    const size_t length = strcspn(args->spec.id, ";");
    if (args->display[0] == '\0') {
        memcpy(args->display, args->spec.id, length);
        args->display[length] = '\0';
    }
    if (args->display[0] != '\0')
        return true;
    nj_worker_refuse(turn, NJ_WORKER_MISSING_MEMBER, "displayIdentifier: is missing", NULL);
    return false;
}

static void handle_session(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    struct nj_error err = {0};
    const char *id = args->session.text[0] != '\0' ? args->session.text : NULL;
    if (!find_display(turn, args))
        return;
    int rc = nj_subscriptions_set_session(nj_worker_subscriptions(turn->worker), args->display, id,
                                          args->session.is_number, &err);
    if (rc != 0)
        nj_worker_refuse(turn, NJ_WORKER_UNKNOWN_DISPLAY, err.text, NULL);
    else if (id != NULL)
        nj_worker_patch_sessions(turn->worker, args->display);
}

static void handle_stage(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    struct nj_error err = {0};
    const char *stage = args->stage.text[0] != '\0' ? args->stage.text : NULL;
    if (!find_display(turn, args))
        return;
    if (nj_subscriptions_set_stage(nj_worker_subscriptions(turn->worker), args->display, stage,
                                   &err) != 0)
        nj_worker_refuse(turn, NJ_WORKER_UNKNOWN_DISPLAY, err.text, NULL);
}

static void answer_patch(const struct nj_worker_turn *turn, const struct nj_worker_mark *session,
                         const char *trouble)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "patchSessionResult");
    nj_json_object_begin(&writer, "payload");
    nj_worker_write_session_id(session->text, session->is_number, &writer);
    nj_json_bool(&writer, "success", trouble == NULL);
    nj_json_text(&writer, "message", trouble != NULL ? trouble : "Session data was merged.");
    nj_json_object_end(&writer);
    nj_json_object_end(&writer);
    answer_buf(turn, &buf);
}

static void handle_patch(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    struct nj_error err = {0};
    if (args->session.text[0] == '\0') {
        nj_worker_refuse(turn, NJ_WORKER_INVALID_MEMBER, "sessionId: must not be empty", NULL);
        return;
    }
    char *patch = json_dumps(args->data, JSON_COMPACT);
    int rc = patch == NULL ? nj_error_set(&err, NJ_E_NOMEM, "no memory for a session")
                           : nj_subscriptions_patch_session(nj_worker_subscriptions(turn->worker),
                                                            args->session.text, patch, &err);
    free(patch);
    answer_patch(turn, &args->session, rc != 0 ? err.text : NULL);
}

static void handle_patch_result(const struct nj_worker_turn *turn, struct nj_worker_args *args)
{
    struct nj_worker *worker = turn->worker;
    if (worker->metric_patches[args->success] != NULL)
        nj_metric_add(worker->metric_patches[args->success], 1);
    nj_log_at(worker->config.log, args->success ? NJ_LOG_DEBUG : NJ_LOG_WARNING,
              "A backend answered patchSession", NJ_TEXT("session_id", args->session.text),
              NJ_TEXT("text", args->message));
}

static const struct {
    const char *type;
    const struct nj_worker_member *members;
    void (*handle)(const struct nj_worker_turn *turn, struct nj_worker_args *args);
} rows[] = {
    {"subscribe", subscribe_members, handle_subscribe},
    {"unsubscribe", unsubscribe_members, handle_unsubscribe},
    {"setSubscriptionList", list_members, handle_list},
    {"requestState", no_members, handle_request},
    {"setSessionId", session_members, handle_session},
    {"setProgressionStage", stage_members, handle_stage},
    {"patchSession", patch_members, handle_patch},
    {"patchSessionResult", patch_result_members, handle_patch_result},
};

const char *nj_worker_type(size_t index)
{
    return index < NJ_COUNT_OF(rows) ? rows[index].type : NULL;
}

_Static_assert(NJ_COUNT_OF(rows) <= NJ_WORKER_TYPES, "room for a counter of each type");

static void count(struct nj_worker *worker, size_t row)
{
    struct nj_metric *metric =
        worker->metric_messages[row < NJ_COUNT_OF(rows) ? row : NJ_WORKER_TYPES];
    if (metric != NULL)
        nj_metric_add(metric, 1);
}

static void refuse_type(const struct nj_worker_turn *turn, const char *type)
{
    char shown[NAME_SHOWN], text[NAME_SHOWN + 64];
    nj_text_printable(shown, sizeof shown, type);
    snprintf(text, sizeof text, "\"%s\" is no message of this protocol", shown);
    nj_worker_refuse(turn, NJ_WORKER_UNKNOWN_TYPE, text, NULL);
}

static void handle_row(const struct nj_worker_turn *turn, size_t row, const json_t *root)
{
    const json_t *payload = json_object_get(root, "payload");
    const struct nj_worker_source source = {
        .payload = payload, .root = root, .envelope = envelope_members, .strict = is_strict(turn)};
    enum nj_worker_code code = NJ_WORKER_INVALID_MEMBER;
    struct nj_error err = {0};
    struct nj_worker_args *args = calloc(1, sizeof *args);
    if (args == NULL)
        nj_worker_refuse(turn, NJ_WORKER_INTERNAL, "no memory for the message", NULL);
    else if (payload != NULL && !json_is_object(payload) && !json_is_null(payload))
        nj_worker_refuse(turn, NJ_WORKER_INVALID_MEMBER, "payload: must be an object", NULL);
    else if (nj_worker_read_members(rows[row].members, &source, args, &code, &err) != 0)
        nj_worker_refuse(turn, code, err.text, args->spec.id);
    else if (nj_worker_subscriptions(turn->worker) == NULL)
        nj_worker_refuse(turn, NJ_WORKER_STOPPING, "the worker is starting or stopping", NULL);
    else
        rows[row].handle(turn, args);
    free(args);
}

static void dispatch(const struct nj_worker_turn *turn, const json_t *root)
{
    const json_t *type = json_object_get(root, "type");
    size_t row = 0;
    if (!json_is_string(type)) {
        count(turn->worker, NJ_COUNT_OF(rows));
        nj_worker_refuse(turn, NJ_WORKER_INVALID_MESSAGE,
                         json_is_object(root) ? "type: must be a text" : "must be an object", NULL);
        return;
    }
    while (row < NJ_COUNT_OF(rows) && strcmp(rows[row].type, json_string_value(type)) != 0)
        row++;
    count(turn->worker, row);
    if (row < NJ_COUNT_OF(rows))
        handle_row(turn, row, root);
    else
        refuse_type(turn, json_string_value(type));
}

void nj_worker_handle(struct nj_worker *worker, uint64_t owner, const char *text, size_t length,
                      struct nj_worker_answer answer)
{
    const struct nj_worker_turn turn = {worker, owner, answer};
    const size_t limit = (size_t)worker->config.options->max_message_bytes;
    struct nj_error err = {0};
    json_t *root = NULL;
    int rc = nj_json_parse(text, length, limit, &root, &err);
    if (rc != 0) {
        count(worker, NJ_COUNT_OF(rows));
        nj_worker_refuse(&turn, length > limit ? NJ_WORKER_MESSAGE_TOO_BIG : NJ_WORKER_INVALID_JSON,
                         err.text, NULL);
        return;
    }
    dispatch(&turn, root);
    json_decref(root);
}
