// SPDX-License-Identifier: Apache-2.0
// A session that got its id after its car was seen is sent what is known of the car.
#include "realtime/worker_priv.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct nj_worker *worker;
    struct nj_subscriptions *subscriptions;
    const char *display;
};

// The detection of the newest result, as JSON of the caller's; NULL when there is none.
static char *newest_detection(struct nj_subscriptions *subscriptions, const char *id)
{
    json_t *root = NULL;
    const char *text = nj_subscriptions_recall(subscriptions, NJ_NEWEST_RESULT, id);
    if (text == NULL || nj_json_parse(text, strlen(text), NJ_WORKER_TEXT_MAX, &root, NULL) != 0)
        return NULL;
    const json_t *detection = json_object_get(root, "detection");
    char *copy = json_is_object(detection) ? json_dumps(detection, JSON_COMPACT) : NULL;
    json_decref(root);
    return copy;
}

static void remember(const struct search *search, const char *session_id, const char *detection)
{
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_buf_printf(&buf, "{\"currentCar\":%s}", detection);
    if (nj_buf_failed(&buf) == 0) // without memory the backend still gets it
        (void)nj_subscriptions_patch_session(search->subscriptions, session_id, buf.data, NULL);
    nj_buf_finish(&buf);
}

static void patch_one(const struct nj_subscription_view *view, void *arg)
{
    const struct search *search = arg;
    const struct nj_session *session = view->session;
    if (strcmp(view->display, search->display) != 0 || session->state != NJ_SESSION_ACTIVE ||
        view->result_track == 0 || view->result_track != session->track_id)
        return;
    char *detection = newest_detection(search->subscriptions, view->spec->id);
    if (detection == NULL)
        return;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_WORKER_TEXT_MAX);
    nj_worker_write_patch(session, detection, &buf);
    nj_worker_send(search->worker, view->spec->id, &buf);
    remember(search, session->id, detection);
    nj_buf_finish(&buf);
    free(detection);
}

void nj_worker_patch_sessions(struct nj_worker *worker, const char *display)
{
    const struct nj_worker_config *config = &worker->config;
    struct search search = {
        .worker = worker,
        .subscriptions = config->subscriptions(config->context),
        .display = display,
    };
    if (config->options->patch_session)
        nj_subscriptions_each(search.subscriptions, patch_one, &search);
}
