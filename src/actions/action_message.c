// SPDX-License-Identifier: Apache-2.0
// Messages: to a Redis channel, or to the bus.
#include "actions/action_priv.h"

#include "util/json_writer.h"
#include "util/text.h"

#include <string.h>

int nj_action_resolve_message(struct nj_action_job *job, const struct nj_action_call *call,
                              const struct nj_values *values, struct nj_error *err)
{
    const struct nj_spec_action *action = call->action;
    struct nj_buf text;
    if (!nj_text_copy(job->channel, sizeof job->channel, action->channel))
        return nj_error_set(err, NJ_E_TOO_BIG, "%s: the channel is too long", action->path);
    if (action->message == NULL)
        return nj_error_set(err, NJ_E_INVALID, "%s: no message", action->path);
    nj_buf_init(&text, NJ_ACTION_TEXT_MAX);
    job->text_is_json = nj_template_is_json(action->message);
    int rc = nj_template_fill(action->message, values,
                              job->text_is_json ? NJ_TEMPLATE_JSON : NJ_TEMPLATE_PLAIN, &text, err);
    if (rc == 0) {
        job->text_length = text.length;
        job->text = text.length > 0 ? nj_buf_take(&text, NULL) : nj_strdup("");
        if (job->text == NULL)
            rc = nj_error_set(err, NJ_E_NOMEM, "%s: no memory for the message", action->path);
    }
    nj_buf_finish(&text);
    return rc;
}

static void publish_redis(struct nj_action_job *job)
{
    const char *const words[] = {"PUBLISH", job->channel, job->text};
    const size_t lengths[] = {strlen("PUBLISH"), strlen(job->channel), job->text_length};
    nj_action_ask_redis(job, words, lengths, NJ_COUNT_OF(words));
}

void nj_action_try_publish(struct nj_action_job *job)
{
    if (job->target != NULL)
        publish_redis(job);
    else
        nj_action_try_message(job);
}

// {"type":"action.message","data":{"channel","message","session_id"},"timestamp"}
void nj_action_try_message(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_json_writer writer;
    struct nj_error why = {0};
    struct nj_buf buf;
    nj_buf_init(&buf, 2 * (size_t)NJ_ACTION_TEXT_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "action.message");
    nj_json_object_begin(&writer, "data");
    nj_json_text(&writer, "channel", job->channel);
    nj_json_text(&writer, "session_id", job->order_key);
    if (job->text_is_json)
        nj_json_raw(&writer, "message", job->text, job->text_length);
    else
        nj_json_text_n(&writer, "message", job->text, job->text_length);
    nj_json_object_end(&writer);
    nj_json_time(&writer, "timestamp", nj_wall_us(runner->clock));
    nj_json_object_end(&writer);
    int rc = nj_buf_failed(&buf);
    if (rc == 0)
        rc = nj_bus_publish(runner->config.bus, "actions", "action.message", buf.data, buf.length);
    nj_buf_finish(&buf);
    if (rc != 0)
        nj_error_set(&why, rc, "the message could not be told");
    nj_action_tried(job, rc, &why);
}
