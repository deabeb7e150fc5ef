// SPDX-License-Identifier: Apache-2.0
// Archives of subscriptions: fetched and loaded once for all that name them, again after a while
// when the cause may pass.
#include "pipeline/subscriptions_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static const unsigned tries_max = 1000; // beyond it the pause no longer grows

bool nj_feed_may_pass(int rc)
{
    return rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT || rc == NJ_E_IO || rc == NJ_E_FULL ||
           rc == NJ_E_NOMEM;
}

nj_us nj_feed_retry_delay(struct nj_subscriptions *registry, unsigned tries)
{
    const struct nj_subscription_options *options = registry->config.options;
    const struct nj_backoff backoff = {options->retry_us, options->retry_max_us, 0.25};
    return nj_backoff_delay(&backoff, tries > 0 ? tries : 1, &registry->rng);
}

static void release(struct nj_feed_model *model)
{
    struct nj_subscriptions *registry = model->registry;
    nj_timer_stop(&model->retry);
    nj_list_remove(&model->node);
    registry->parts->unref(model->pipeline);
    free(model);
    registry->under_way--;
    nj_subscriptions_end_if_idle(registry);
}

// Called from: job thread.
static void fetch(struct nj_feed_job *job)
{
    struct nj_feed_model *model = NJ_CONTAINER_OF(job, struct nj_feed_model, job);
    const struct nj_feed_wish wish = {
        .url = model->url,
        .sha256 = model->sha256[0] != '\0' ? model->sha256 : NULL,
        .cancel = &model->cancel,
    };
    model->loaded = NULL;
    model->fetch_error = (struct nj_error){0};
    if (nj_cancel_fired(&model->cancel))
        model->rc = NJ_E_CANCELLED;
    else
        model->rc = model->registry->parts->load(&model->registry->config, &wish, &model->loaded,
                                                 &model->fetch_error);
}

static void tell_feeds(struct nj_feed_model *model)
{
    struct nj_subscriptions *registry = model->registry;
    for (struct nj_list *at = registry->feeds.next, *next; at != &registry->feeds; at = next) {
        struct nj_feed *feed = NJ_CONTAINER_OF(at, struct nj_feed, node);
        next = at->next;
        if (feed->model != model)
            continue;
        struct nj_error error = {0};
        if (model->state == NJ_FEED_MODEL_READY && nj_feed_attach(feed, &error) != 0)
            nj_text_copy(feed->problem, sizeof feed->problem, error.text);
        nj_feed_tell_state(feed, NJ_PART_MODEL);
    }
}

static void fail(struct nj_feed_model *model, const struct nj_error *error)
{
    model->state = NJ_FEED_MODEL_ERROR;
    model->error = *error;
    if (model->error.text[0] == '\0')
        nj_text_copy(model->error.text, sizeof model->error.text, nj_error_name(error->code));
    if (model->tries < tries_max)
        model->tries++;
    char address[NJ_SUBSCRIPTION_URL_SIZE];
    nj_address_redact(model->url, address, sizeof address);
    nj_log_at(model->registry->config.log, NJ_LOG_WARNING, "An archive could not be loaded",
              NJ_TEXT("archive", address), NJ_TEXT("error", model->error.text));
    // Without memory for the timer, whoever asks for it again starts it again.
    if (nj_feed_may_pass(error->code))
        (void)nj_timer_start(&model->retry, nj_feed_retry_delay(model->registry, model->tries), 0);
}

// Such as a name in a template that nobody knows: its action will do nothing, later and silently.
static void log_warnings(const struct nj_feed_model *model)
{
    const struct nj_spec_warnings *warnings =
        &model->registry->parts->archive(model->pipeline)->spec->warnings;
    char address[NJ_SUBSCRIPTION_URL_SIZE];
    nj_address_redact(model->url, address, sizeof address);
    for (size_t i = 0; i < warnings->count; i++)
        nj_log_at(model->registry->config.log, NJ_LOG_WARNING,
                  "An archive was loaded with a warning", NJ_TEXT("archive", address),
                  NJ_TEXT("warning", warnings->items[i]));
}

static void handle_fetched(struct nj_feed_job *job)
{
    struct nj_feed_model *model = NJ_CONTAINER_OF(job, struct nj_feed_model, job);
    model->fetching = false;
    model->tried_us = nj_feed_now_us(model->registry);
    if (model->users == 0) {
        model->registry->parts->unref(model->loaded);
        release(model);
        return;
    }
    if (model->rc == 0) {
        model->pipeline = model->loaded;
        model->state = NJ_FEED_MODEL_READY;
        model->tries = 0;
        model->error = (struct nj_error){0};
        log_warnings(model);
    } else {
        model->fetch_error.code = model->rc;
        fail(model, &model->fetch_error);
    }
    tell_feeds(model);
}

static void start(struct nj_feed_model *model)
{
    nj_timer_stop(&model->retry);
    if (model->fetching || model->state == NJ_FEED_MODEL_READY)
        return;
    model->job.run = fetch;
    model->job.done = handle_fetched;
    model->fetching = true;
    int rc = nj_feed_jobs_add(model->registry->fetches, &model->job);
    if (rc == 0)
        return;
    model->fetching = false;
    fail(model, &(struct nj_error){.code = rc, .text = "too many archives wait to be fetched"});
}

static void handle_retry(struct nj_timer *timer)
{
    start(NJ_CONTAINER_OF(timer, struct nj_feed_model, retry));
}

static struct nj_feed_model *find(struct nj_subscriptions *registry,
                                  const struct nj_subscription_spec *spec)
{
    for (struct nj_list *at = registry->models.next; at != &registry->models; at = at->next) {
        struct nj_feed_model *model = NJ_CONTAINER_OF(at, struct nj_feed_model, node);
        if (model->users > 0 && strcmp(model->url, spec->model_url) == 0 &&
            strcmp(model->sha256, spec->model_sha256) == 0)
            return model;
    }
    return NULL;
}

int nj_feed_model_get(struct nj_subscriptions *registry, const struct nj_subscription_spec *spec,
                      struct nj_feed_model **out, struct nj_error *err)
{
    struct nj_feed_model *model = find(registry, spec);
    if (model != NULL) {
        model->users++;
        *out = model;
        return 0;
    }
    model = calloc(1, sizeof *model);
    if (model == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an archive");
    model->registry = registry;
    model->users = 1;
    nj_text_copy(model->url, sizeof model->url, spec->model_url);
    nj_text_copy(model->sha256, sizeof model->sha256, spec->model_sha256);
    nj_cancel_init(&model->cancel, NULL);
    nj_timer_init(&model->retry, registry->config.loop, handle_retry);
    nj_list_append(&registry->models, &model->node);
    registry->under_way++;
    start(model);
    *out = model;
    return 0;
}

void nj_feed_model_put(struct nj_feed_model *model)
{
    if (model == NULL || --model->users > 0)
        return;
    nj_cancel_fire(&model->cancel);
    nj_archive_store_wake(model->registry->config.archives);
    nj_timer_stop(&model->retry);
    if (!model->fetching)
        release(model);
}

void nj_feed_model_ask_again(struct nj_feed_model *model)
{
    const nj_us pause_us = model->registry->config.options->retry_us;
    if (model->state == NJ_FEED_MODEL_ERROR &&
        nj_feed_now_us(model->registry) - model->tried_us >= pause_us)
        start(model);
}
